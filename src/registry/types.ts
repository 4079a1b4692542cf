/**
 * The distribution protocol (OCI distribution-spec v1.1, Docker schema 2) as a client.
 *
 * Vocabulary. A *registry* serves *repositories*; a repository holds manifests, by digest and by tag, and blobs. An *upload*
 * is a blob's way in: started, filled, finished with the digest. A *mount* gives a blob of one repository to another without
 * sending it. A *mirror* is a read-only copy of Docker Hub that is asked first.
 */
import type { ByteStream } from '../content/index.ts';
import type { Descriptor, Digest, Reference } from '../oci/index.ts';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

export interface RegistryOptions {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
  readonly certsDir: string;
}

/** On whose behalf a request is made; it ends when `signal` is aborted. */
export interface RequestOptions {
  readonly auth?: Credentials;
  readonly signal?: AbortSignal;
}

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
}

export interface RegistryClient {
  /** GET of a manifest or index of at most 4 MiB; verifies a digest reference. */
  resolve(
    ref: Reference,
    options: { readonly auth?: Credentials; readonly signal?: AbortSignal },
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
  /** Verified where `offset` is 0; taken up again where the connection breaks. */
  blob(
    ref: Reference,
    target: Descriptor,
    options: { readonly auth?: Credentials; readonly offset?: number; readonly signal?: AbortSignal },
  ): Promise<ByteStream>;
  tags(
    ref: Reference,
    options: { readonly auth?: Credentials; readonly signal?: AbortSignal },
  ): Promise<readonly string[]>;
  /** Checks the credentials; returns an identity token where the registry gives one. */
  login(
    host: string,
    auth: Credentials,
    signal?: AbortSignal,
  ): Promise<{ readonly status: string; readonly identitytoken?: string }>;
  search(
    host: string,
    term: string,
    options: { readonly limit?: number; readonly auth?: Credentials },
  ): Promise<readonly SearchResult[]>;
}

/** The writing half, and what transfers need beyond {@link RegistryClient}. */
export interface RegistryWriter {
  /** Digest of a manifest without its bytes, which Docker Hub does not count as a pull; undefined where there is none. */
  head(ref: Reference, options: RequestOptions): Promise<Digest | undefined>;
  /** As {@link RegistryClient.blob} without the check of the digest, for callers that digest the bytes anyway. */
  download(ref: Reference, target: Descriptor, options: RequestOptions): ByteStream;
  /** Whether the repository has the blob. */
  hasBlob(
    ref: Reference,
    blob: { readonly digest: Digest; readonly size: number },
    options: RequestOptions,
  ): Promise<boolean>;
  /** The manifest that the registry itself (no mirror) has under the reference's tag. */
  headForPush(ref: Reference, options: RequestOptions): Promise<Digest | undefined>;
  /** Sends a blob unless one of the repositories `from` (of the same registry) can give it; says which one did. */
  upload(
    ref: Reference,
    source: UploadSource,
    options: RequestOptions & { readonly from?: readonly string[]; readonly progress?: (sent: number) => void },
  ): Promise<{ readonly mountedFrom?: string }>;
  /** Stores a manifest or index under the reference's tag, else under its digest. */
  putManifest(
    ref: Reference,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
    options: RequestOptions,
  ): Promise<Digest>;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface Registry extends RegistryClient, RegistryWriter {}

export interface UploadSource {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** The bytes from `offset` on. */
  open(offset: number): Promise<ByteStream>;
}
