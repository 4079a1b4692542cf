import { StrataError } from '../errors/index.ts';

/** `sha256:<64 lower-case hex>` (or sha512): the digest of exact bytes, OCI image-spec v1.1 descriptor.md "Digests". */
export type Digest = string & { readonly __digest: 'Digest' };
/** Digest of a layer's uncompressed tar, OCI image-spec v1.1 config.md. */
export type DiffID = Digest & { readonly __diffID: true };
/** Digest of a stack of diffIDs, OCI image-spec v1.1 config.md "Layer ChainID". */
export type ChainID = Digest & { readonly __chainID: true };

const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && digestPattern.test(text);
}

/** Throws `invalid_argument` for anything that is not exactly a digest: a digest becomes a file name. */
export function parseDigest(text: unknown): Digest {
  if (isDigest(text)) return text;
  throw new StrataError('invalid_argument', `invalid digest: ${JSON.stringify(text)}`, { code: 'invalid_digest' });
}

export function sha256(bytes: Uint8Array | string): Digest {
  // Loaded with the first digest: most commands of the command line compute none, and start 10 ms sooner.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** The hex part. */
export function encoded(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function algorithm(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The chain of the stack `diffIDs`, lowest first; undefined for an empty stack. */
export function chainID(diffIDs: readonly DiffID[]): ChainID | undefined {
  return chainIDs(diffIDs).at(-1);
}

/** The chainID of every prefix of `diffIDs`, lowest first. */
export function chainIDs(diffIDs: readonly DiffID[]): ChainID[] {
  const out: ChainID[] = [];
  for (const diff of diffIDs) {
    const below = out.at(-1);
    out.push((below === undefined ? diff : sha256(`${below} ${diff}`)) as unknown as ChainID);
  }
  return out;
}
