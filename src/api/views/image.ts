import type { HistoryRow, Image } from '../../image/index.ts';
import { familiarName, familiarRepository, parseReference } from '../../oci/index.ts';
import { byName } from '../by-name.ts';
import { never } from '../time.ts';
import { before } from '../version.ts';

export function familiarNames(names: readonly string[]): string[] {
  return names.map((name) => familiarName(parseReference(name)));
}

function familiarDigests(image: Image): string[] {
  return image.repoDigests.map((text) => {
    const ref = parseReference(text);
    return `${familiarRepository(ref)}@${ref.digest}`;
  });
}

export interface ImageFacts {
  /** -1: not counted. */
  readonly containers: number;
  /** Bytes shared with other images; -1: not counted. */
  readonly sharedSize: number;
  readonly version: string;
}

/** One row of `GET /images/json`. */
export function summarizeImage(image: Image, facts: ImageFacts): Record<string, unknown> {
  const names = familiarNames(image.names);
  const digests = familiarDigests(image);
  return {
    Containers: facts.containers,
    Created: Math.floor(image.createdAt / 1000),
    Id: image.id,
    Labels: image.config.config?.Labels ?? null,
    ParentId: image.parent ?? '',
    ...namesView(names, digests, facts.version),
    SharedSize: facts.sharedSize,
    Size: image.size,
    ...(before(facts.version, 'noVirtualSize') && { VirtualSize: image.size }),
  };
}

/** Lists are empty; in older versions they are absent, and have an entry that says so where there is neither. */
function namesView(names: readonly string[], digests: readonly string[], version: string): Record<string, unknown> {
  if (!before(version, 'emptyNames')) return { RepoDigests: digests, RepoTags: names };
  if (names.length + digests.length === 0) return { RepoDigests: ['<none>@<none>'], RepoTags: ['<none>:<none>'] };
  return { RepoDigests: digests.length > 0 ? digests : null, RepoTags: names.length > 0 ? names : null };
}

/** `GET /images/{name}/json`. */
export function inspectImage(
  image: Image,
  facts: { readonly graph: Readonly<Record<string, string>>; readonly version: string; readonly comment: string },
): Record<string, unknown> {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: familiarNames(image.names),
    RepoDigests: familiarDigests(image),
    Parent: image.parent ?? '',
    Comment: facts.comment,
    ...createdView(config.created, facts.version),
    DockerVersion: dockerVersion(image),
    Author: config.author ?? '',
    ...(before(facts.version, 'noVirtualSize') && { VirtualSize: image.size }),
    ...(before(facts.version, 'noContainerConfig') && { ContainerConfig: noConfig }),
    Architecture: config.architecture,
    ...(config.variant && { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] && { OsVersion: config['os.version'] }),
    Size: image.size,
    GraphDriver: { Data: facts.graph, Name: 'overlay2' },
    RootFS: {
      Type: 'layers',
      ...(config.rootfs.diff_ids.length > 0 && { Layers: config.rootfs.diff_ids }),
    },
    Metadata: { LastTagTime: image.taggedAt > 0 ? new Date(image.taggedAt).toISOString() : never },
    Config: imageConfigView(image, before(facts.version, 'plainImageConfig')),
  };
}

function createdView(created: string | undefined, version: string): Record<string, unknown> {
  const shown = created ?? (before(version, 'noVirtualSize') ? never : undefined);
  return shown === undefined ? {} : { Created: shown };
}

/** Of images that Docker's own builder made. */
function dockerVersion({ rawConfig }: Image): string {
  const { docker_version: version } = JSON.parse(Buffer.from(rawConfig).toString('utf8')) as Record<string, unknown>;
  return typeof version === 'string' ? version : '';
}

/** Go's empty ContainerConfig. */
const noConfig = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** `whole` with the fields that mean something to a container alone. */
function imageConfigView(image: Image, whole: boolean): Record<string, unknown> {
  const given = Object.entries(image.config.config ?? {}).filter(([, value]) => value !== undefined);
  const { User, Env, Cmd, Volumes, WorkingDir, Entrypoint, OnBuild, Labels } = noConfig;
  const all = {
    ...(whole ? noConfig : { User, Env, Cmd, Volumes, WorkingDir, Entrypoint, OnBuild, Labels }),
    ...Object.fromEntries(given),
  };
  return byName(all);
}

/** `GET /images/{name}/history`. */
export function historyView(rows: readonly HistoryRow[]): Record<string, unknown>[] {
  return rows.map((row) => ({
    Comment: row.comment,
    Created: row.created,
    CreatedBy: row.createdBy,
    Id: row.id ?? '<missing>',
    Size: row.size,
    Tags: row.tags.length > 0 ? familiarNames(row.tags) : null,
  }));
}
