/** The distribution protocol (OCI distribution-spec v1.1, Docker schema 2) as a client. */
import type { ByteStream, ContentStore } from '../content/index.ts';
import type { Images } from '../image/index.ts';
import type { Descriptor, Digest, Platform, Reference } from '../oci/index.ts';
import type { Progress, TransferEvent } from '../progress/index.ts';

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

export interface RegistryClient {
  /** HEAD or GET of a manifest; verifies a digest reference. */
  resolve(
    ref: Reference,
    options: { readonly auth?: Credentials; readonly signal?: AbortSignal },
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
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
  ): Promise<
    readonly {
      readonly name: string;
      readonly description: string;
      readonly star_count: number;
      readonly is_official: boolean;
    }[]
  >;
}

export interface Transfers {
  pull(
    ref: Reference,
    options: {
      readonly auth?: Credentials;
      readonly platform?: Platform;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
    },
  ): Promise<{ readonly id: Digest; readonly digest: Digest; readonly upToDate: boolean }>;
  push(
    ref: Reference,
    options: {
      readonly auth?: Credentials;
      readonly platform?: Platform;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
    },
  ): Promise<{ readonly digest: Digest; readonly size: number }>;
}

export interface TransferParts {
  readonly client: RegistryClient;
  readonly content: ContentStore;
  readonly images: Images;
}
