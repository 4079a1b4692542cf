/** Image archives made by hand, so that they can say anything. */
import { gzipSync } from 'node:zlib';
import { type NewTarEntry, type NewTarHeader, writeTar } from '../../layer/index.ts';
import { sha256 } from '../../oci/index.ts';

export interface Entry extends NewTarHeader {
  readonly content?: string | Uint8Array;
}

/** An archive of these entries, whatever their names are. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  async function* members(): AsyncGenerator<NewTarEntry> {
    for (const { content = '', ...header } of entries) {
      const body = Buffer.from(content as string);
      yield { header: header.type === 'file' ? { size: body.length, ...header } : header, body };
    }
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(members())) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export interface ArchiveParts {
  /** Layers as plain tars. */
  readonly layers: readonly Buffer[];
  readonly names?: readonly string[];
  readonly gzip?: boolean;
  /** The configuration's fields over the usual ones. */
  readonly config?: object;
  /** Members that are added, or take another's place. */
  readonly members?: Readonly<Record<string, Uint8Array | string>>;
}

const file = (path: string, content: Uint8Array | string): Entry => ({ path, type: 'file', content });

/** What `docker save` wrote before 25: `manifest.json`, a configuration and layers by any name. */
export async function dockerArchive({ layers, names = [], gzip, config, members = {} }: ArchiveParts): Promise<Buffer> {
  const bytes = Buffer.from(JSON.stringify(configOf(layers, config)));
  const paths = layers.map((layer, i) => [`${i}/layer.tar`, gzip ? gzipSync(layer) : layer] as const);
  const manifest = [{ Config: 'config.json', RepoTags: names, Layers: paths.map(([path]) => path) }];
  const all = new Map<string, Uint8Array | string>([
    ...paths,
    ['config.json', bytes],
    ['manifest.json', JSON.stringify(manifest)],
    ...Object.entries(members),
  ]);
  return await tarOf([...all].map(([path, content]) => file(path, content)));
}

/** An OCI layout in a tar. */
export async function ociArchive({ layers, names = [], gzip, config, members = {} }: ArchiveParts): Promise<Buffer> {
  const blobs = new Map<string, Uint8Array>();
  const put = (content: Uint8Array, mediaType: string) => {
    const digest = sha256(content);
    blobs.set(`blobs/${digest.replace(':', '/')}`, content);
    return { mediaType, digest, size: content.length };
  };
  const type = 'application/vnd.oci.image';
  const manifest = {
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: put(Buffer.from(JSON.stringify(configOf(layers, config))), `${type}.config.v1+json`),
    layers: layers.map((layer) => put(gzip ? gzipSync(layer) : layer, `${type}.layer.v1.tar${gzip ? '+gzip' : ''}`)),
  };
  const described = put(Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  const manifests = names.length === 0 ? [described] : names.map((name) => annotated(described, name));
  const all = new Map<string, Uint8Array | string>([
    ...blobs,
    ['index.json', JSON.stringify({ schemaVersion: 2, manifests })],
    ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
    ...Object.entries(members),
  ]);
  return await tarOf([...all].map(([path, content]) => file(path, content)));
}

function annotated(descriptor: object, name: string): object {
  return { ...descriptor, annotations: { 'io.containerd.image.name': name } };
}

function configOf(layers: readonly Buffer[], more: object = {}): object {
  const diff_ids = layers.map((layer) => sha256(layer));
  return { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids }, ...more };
}
