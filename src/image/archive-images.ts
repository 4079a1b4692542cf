import type { ContentStore } from '../content/index.ts';
import { StrataError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  hostPlatform,
  type Index,
  isDigest,
  isIndexType,
  isManifestType,
  type Manifest,
  type Platform,
  parseReference,
  platformMatches,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { type ArchiveImage, blobPath, memberPath, parseArchiveManifest, parseMember } from './archive-names.ts';

/** A file of an archive, kept as a blob under its own digest. */
export interface Member {
  readonly digest: Digest;
  readonly size: number;
  /** The first bytes, as many as tell a compression. */
  readonly head: Uint8Array;
}

/** One image of an archive, before it is stored. */
export interface ArchivedImage {
  readonly config: Member;
  readonly layers: readonly Member[];
  readonly names: readonly Reference[];
  /** Where the archive has one that names these very blobs. */
  readonly manifest?: { readonly bytes: Uint8Array; readonly mediaType: string };
}

const documentLimit = 8 * 1024 * 1024;
/** Indexes may hold indexes, so deep. */
const mostDepth = 3;

export interface Archive {
  readonly members: ReadonlyMap<string, Member>;
  readonly content: ContentStore;
  /** Of an index this one is taken; absent: the one for this machine, else the first. */
  readonly platform?: Platform;
}

/** The images that an archive's own lists name: Docker's `manifest.json`, else the OCI layout's `index.json`. */
export async function findImages(archive: Archive): Promise<readonly ArchivedImage[]> {
  const { members } = archive;
  const index = members.get('index.json');
  const docker = members.get('manifest.json');
  if (docker) {
    const listed = parseArchiveManifest(await document(archive, docker));
    const manifests = index ? await ociImages(archive, index).catch(() => []) : [];
    return listed.map((entry) => withManifest(dockerImage(entry, members), manifests));
  }
  if (index) return await ociImages(archive, index);
  if (members.has('repositories')) {
    throw new StrataError(
      'unsupported',
      'the archive is of the format before Docker 1.10 (2016), which is not supported',
      { code: 'archive_too_old' },
    );
  }
  return [];
}

async function document({ content }: Archive, member: Member): Promise<Uint8Array> {
  return await content.read(member.digest, { limit: documentLimit });
}

function dockerImage(entry: ArchiveImage, members: Archive['members']): ArchivedImage {
  return {
    config: need(members, memberPath(entry.Config)),
    layers: entry.Layers.map((path) => need(members, memberPath(path))),
    names: (entry.RepoTags ?? []).map((name) => withDefaultTag(parseReference(name))),
  };
}

/** An archive that is both keeps its manifest, so that a push sends it unchanged; Docker's own names plain tars there. */
function withManifest(image: ArchivedImage, manifests: readonly ArchivedImage[]): ArchivedImage {
  const same = manifests.find(
    ({ config, layers }) =>
      config.digest === image.config.digest &&
      layers.length === image.layers.length &&
      layers.every(({ digest }, i) => digest === image.layers[i]!.digest),
  );
  const isPlain = same?.layers.some(({ head }) => isTarHead(head));
  return same?.manifest && !isPlain ? { ...image, manifest: same.manifest } : image;
}

/** Whether bytes are neither gzip's nor zstd's first. */
function isTarHead(head: Uint8Array): boolean {
  return !(head[0] === 0x1f && head[1] === 0x8b) && !(head[0] === 0x28 && head[1] === 0xb5);
}

async function ociImages(archive: Archive, index: Member): Promise<readonly ArchivedImage[]> {
  const found = new Map<Digest, ArchivedImage>();
  const root = parseMember('index.json', await document(archive, index)) as Partial<Index> | null;
  for (const descriptor of descriptorsOf(root?.manifests, 'index.json')) {
    const leaf = await imageManifest(archive, descriptor, 0);
    if (!leaf) continue;
    const known = found.get(leaf.digest);
    const image = known ?? (await ociImage(archive, leaf));
    found.set(leaf.digest, { ...image, names: [...image.names, ...annotationNames(descriptor)] });
  }
  return [...found.values()];
}

async function ociImage(archive: Archive, descriptor: Descriptor): Promise<ArchivedImage> {
  const bytes = await document(archive, described(archive, descriptor));
  const manifest = parseMember(descriptor.digest, bytes) as Partial<Manifest> | null;
  if (manifest && 'manifests' in manifest) throw invalid(`${descriptor.digest} is a manifest and an index at once`);
  const [config] = descriptorsOf([manifest?.config], descriptor.digest);
  return {
    config: described(archive, config!),
    layers: descriptorsOf(manifest?.layers, descriptor.digest).map((layer) => described(archive, layer)),
    names: [],
    manifest: { bytes, mediaType: descriptor.mediaType },
  };
}

/** The member that a descriptor speaks of, which must be what the descriptor says. */
function described({ members }: Archive, { digest, size }: Descriptor): Member {
  const member = need(members, blobPath(digest));
  if (digest.startsWith('sha256:') && member.digest !== digest) {
    throw new StrataError('data_loss', `${blobPath(digest)} of the archive has digest ${member.digest}`, {
      code: 'digest_mismatch',
    });
  }
  if (member.size === size) return member;
  throw new StrataError('data_loss', `${digest} has ${member.size} bytes where the archive says ${size}`, {
    code: 'size_mismatch',
  });
}

/** The manifest for the platform below an index; or the manifest itself. */
async function imageManifest(archive: Archive, descriptor: Descriptor, depth: number): Promise<Descriptor | undefined> {
  if (isManifestType(descriptor.mediaType)) return descriptor;
  if (!isIndexType(descriptor.mediaType) || depth > mostDepth) return undefined;
  const bytes = await document(archive, described(archive, descriptor));
  const index = parseMember(descriptor.digest, bytes) as Partial<Index> | null;
  const here = descriptorsOf(index?.manifests, descriptor.digest).filter(
    ({ digest, platform }) => archive.members.has(blobPath(digest)) && platform?.os !== 'unknown',
  );
  const wanted = archive.platform ?? hostPlatform();
  const matching = here.find(({ platform }) => !platform || platformMatches(wanted, platform));
  const fit = matching ?? (archive.platform ? undefined : here[0]);
  return fit && (await imageManifest(archive, fit, depth + 1));
}

/** Somebody else's list of descriptors, every one with a digest, a size and a type. */
function descriptorsOf(value: unknown, subject: string): readonly Descriptor[] {
  const list = value ?? [];
  const good =
    Array.isArray(list) &&
    list.every(
      (one) =>
        typeof one === 'object' &&
        one !== null &&
        isDigest(one.digest) &&
        Number.isSafeInteger(one.size) &&
        typeof one.mediaType === 'string' &&
        (one.annotations == null || typeof one.annotations === 'object'),
    );
  if (!good) throw invalid(`the archive's ${subject} names a blob by something that is no descriptor`);
  return list as readonly Descriptor[];
}

function annotationNames({ annotations }: Descriptor): readonly Reference[] {
  const full: unknown = annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'];
  // `ref.name` may be a tag alone, which names no repository.
  if (typeof full !== 'string' || !/[/:]/.test(full)) return [];
  try {
    return [withDefaultTag(parseReference(full))];
  } catch {
    return [];
  }
}

function need(members: Archive['members'], path: string): Member {
  const member = members.get(path);
  if (member) return member;
  throw invalid(`the archive is not complete: ${path} is missing`);
}

function invalid(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_archive' });
}
