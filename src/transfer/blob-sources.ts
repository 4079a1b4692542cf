import type { Database } from '../db/index.ts';
import type { Digest, Reference } from '../oci/index.ts';

/** Where blobs came from or went to: repositories that a registry can mount them from. */
export interface BlobSources {
  note(digests: readonly Digest[], ref: Reference): void;
  /** Repositories of the registry of `ref`, other than its own, that had the blob; the latest first. */
  candidates(digest: Digest, ref: Reference): readonly string[];
}

/** So many repositories are kept for a blob of a registry, and tried. */
const kept = 4;

export function createBlobSources(db: Database): BlobSources {
  return {
    note(digests, ref) {
      db.transaction(() => {
        for (const digest of new Set(digests)) {
          db.run(
            'INSERT INTO blob_source (digest, registry, repository, seen_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at',
            digest,
            ref.domain,
            ref.path,
            Date.now(),
          );
          db.run(
            `DELETE FROM blob_source WHERE digest = ?1 AND registry = ?2 AND repository NOT IN
               (SELECT repository FROM blob_source WHERE digest = ?1 AND registry = ?2 ORDER BY seen_at DESC, repository LIMIT ?3)`,
            digest,
            ref.domain,
            kept + 1,
          );
        }
      });
    },
    candidates: (digest, ref) =>
      db
        .all<{ repository: string }>(
          'SELECT repository FROM blob_source WHERE digest = ? AND registry = ? AND repository <> ? ORDER BY seen_at DESC, repository LIMIT ?',
          digest,
          ref.domain,
          ref.path,
          kept,
        )
        .map(({ repository }) => repository),
  };
}
