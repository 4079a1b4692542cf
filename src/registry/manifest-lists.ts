import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import {
  canonicalName,
  type Descriptor,
  type Digest,
  encoded,
  familiarName,
  type Index,
  isManifestType,
  type Manifest,
  mediaTypes,
  type Platform,
  parseReference,
  type Reference,
  sha256,
  withDefaultTag,
} from '../oci/index.ts';
import { parseDocument } from './document.ts';
import { inspectRemote } from './remote-image.ts';
import type { Registry, RequestOptions } from './types.ts';

/** One image of a list that is being made. */
export interface ListMember {
  /** As it was named, canonical. */
  readonly name: string;
  readonly descriptor: Descriptor;
}

/**
 * Manifest lists (indexes) under construction: `create` and `annotate` keep a draft in a folder, `push` makes a list of it
 * in the registry. All members are in the registry of the list.
 */
export interface ManifestLists {
  /** Starts a draft; `amend` adds to one that is there. */
  create(
    list: Reference,
    members: readonly Reference[],
    options: RequestOptions & { readonly amend?: boolean },
  ): Promise<void>;
  /** Says for which platform a member is; what is not given stays. */
  annotate(list: Reference, member: Reference, platform: Partial<Platform>): void;
  /** The members of a draft, in order; undefined where there is none. */
  draft(list: Reference): readonly ListMember[] | undefined;
  /** The list that a draft stands for, as `manifest inspect` shows it. */
  document(list: Reference): Index;
  /** Sends the members that the repository lacks, then the list; tells each member sent. */
  push(
    list: Reference,
    options: RequestOptions & { readonly purge?: boolean; readonly told?: (name: string, digest: Digest) => void },
  ): Promise<Digest>;
  remove(list: Reference): void;
}

export function createManifestLists(parts: { readonly client: Registry; readonly folder: string }): ManifestLists {
  const { client, folder } = parts;
  const fileOf = (list: Reference) => join(folder, `${encoded(sha256(canonicalName(withDefaultTag(list))))}.json`);

  function save(list: Reference, members: readonly ListMember[]): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = fileOf(list);
    writeFileSync(`${file}.part`, JSON.stringify({ list: canonicalName(withDefaultTag(list)), members }), {
      mode: 0o600,
    });
    renameSync(`${file}.part`, file);
  }

  function required(list: Reference): readonly ListMember[] {
    const members = lists.draft(list);
    if (members) return members;
    throw new StrataError('not_found', `No such manifest: ${familiarName(withDefaultTag(list))}`, {
      code: 'manifest_not_found',
      hint: 'make it first: manifest create',
    });
  }

  const lists: ManifestLists = {
    async create(list, members, { amend = false, ...request }) {
      const before = lists.draft(list);
      if (before && !amend) {
        throw new StrataError('already_exists', 'refusing to amend an existing manifest list with no --amend flag', {
          code: 'manifest_exists',
        });
      }
      const made = new Map((before ?? []).map((member) => [member.name, member]));
      for (const given of members) {
        const member = await describe(client, withDefaultTag(list), withDefaultTag(given), request);
        made.set(member.name, member);
      }
      save(list, [...made.values()]);
    },
    annotate(list, given, platform) {
      const name = canonicalName(withDefaultTag(given));
      const members = required(list);
      if (!members.some((member) => member.name === name)) {
        throw new StrataError(
          'not_found',
          `manifest for image ${familiarName(withDefaultTag(given))} does not exist in ${familiarName(withDefaultTag(list))}`,
          {
            code: 'manifest_not_found',
          },
        );
      }
      save(
        list,
        members.map((member) => (member.name === name ? annotated(member, platform) : member)),
      );
    },
    draft(list) {
      let text: string;
      try {
        text = readFileSync(fileOf(list), 'utf8');
      } catch {
        return undefined;
      }
      return (JSON.parse(text) as { members: ListMember[] }).members;
    },
    document: (list) => indexOf(required(list)),
    async push(given, { purge = false, told, ...request }) {
      const list = withDefaultTag(given);
      const members = required(list);
      for (const member of members) {
        const digest = await copyMember(client, list, member, request);
        if (digest) told?.(familiarName({ domain: list.domain, path: list.path, digest }), digest);
      }
      const index = indexOf(members);
      const bytes = Buffer.from(JSON.stringify(index, null, 3));
      const digest = await client.putManifest(list, { bytes, mediaType: index.mediaType! }, request);
      if (purge) lists.remove(list);
      return digest;
    },
    remove(list) {
      required(list);
      rmSync(fileOf(list), { force: true });
    },
  };
  return lists;
}

async function describe(
  client: Registry,
  list: Reference,
  member: Reference,
  request: RequestOptions,
): Promise<ListMember> {
  if (member.domain !== list.domain) {
    throw new StrataError(
      'invalid_argument',
      'cannot use source images from a different registry than the target image',
      {
        code: 'other_registry',
        hint: `push ${familiarName(member)} to ${list.domain} first`,
      },
    );
  }
  const { descriptor, platforms } = await inspectRemote(client, member, request);
  if (!isManifestType(descriptor.mediaType)) {
    throw new StrataError('invalid_argument', `${familiarName(member)} is a manifest list`, {
      code: 'is_a_list',
      hint: 'name the images in it by their digests',
    });
  }
  const platform = platforms[0];
  return { name: canonicalName(member), descriptor: { ...descriptor, ...(platform && { platform }) } };
}

function annotated(member: ListMember, changes: Partial<Platform>): ListMember {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined && value !== ''));
  const platform = { os: '', architecture: '', ...member.descriptor.platform, ...given } as Platform;
  return { ...member, descriptor: { ...member.descriptor, platform } };
}

/** OCI's type where all members are OCI's, else Docker's: a Docker list may not hold OCI manifests for old clients. */
function indexOf(members: readonly ListMember[]): Index {
  for (const { name, descriptor } of members) {
    if (descriptor.platform?.os && descriptor.platform.architecture) continue;
    throw new StrataError(
      'failed_precondition',
      `manifest ${name} must have an OS and Architecture to be pushed to a registry`,
      {
        code: 'platform_missing',
        hint: 'say what it is for: manifest annotate --os … --arch …',
      },
    );
  }
  const oci = members.length > 0 && members.every(({ descriptor }) => descriptor.mediaType === mediaTypes.ociManifest);
  const mediaType = oci ? mediaTypes.ociIndex : mediaTypes.dockerList;
  return { schemaVersion: 2, mediaType, manifests: members.map(({ descriptor }) => descriptor) };
}

/** A list may only name what is in its own repository: blobs are mounted, the manifest is sent. */
async function copyMember(
  client: Registry,
  list: Reference,
  member: ListMember,
  request: RequestOptions,
): Promise<Digest | undefined> {
  const source = parseReference(member.name);
  const { digest } = member.descriptor;
  const { tag: _, ...repository } = source;
  const { bytes, descriptor } = await client.resolve({ ...repository, digest }, request);
  if (source.path === list.path) return undefined;
  const parsed = parseDocument(bytes, descriptor.mediaType, member.name);
  const { config, layers } = (parsed as { manifest: Manifest }).manifest;
  for (const blob of [config, ...layers]) {
    if (await client.hasBlob(list, blob, request)) continue;
    const open = (offset: number) => client.blob(repository, blob, { offset, ...request });
    await client.upload(list, { ...blob, open }, { ...request, from: [source.path] });
  }
  const target: Reference = { domain: list.domain, path: list.path, digest };
  return await client.putManifest(target, { bytes, mediaType: descriptor.mediaType }, request);
}
