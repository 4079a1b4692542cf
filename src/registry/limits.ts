/** Bounds on what registries may make us hold. Bytes, unless said otherwise. */
export const limits = {
  /** OCI distribution-spec v1.1 "Pushing Manifests" asks for at least 4 MiB. */
  manifest: 4 * 1024 ** 2,
  config: 8 * 1024 ** 2,
  token: 1024 ** 2,
  errorBody: 64 * 1024,
  tagsPage: 8 * 1024 ** 2,
  /** Number of tags. */
  tags: 200_000,
  search: 4 * 1024 ** 2,
  /** Most redirects that one request follows. */
  redirects: 5,
  /** Longest pause that a registry may ask for with Retry-After, seconds. */
  retryAfter: 120,
} as const;
