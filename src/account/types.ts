/** Users and groups of an image: /etc/passwd and /etc/group, read inside the image's root and never through a link out of it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups (from /etc/group), without `gid`. */
  readonly groups: readonly number[];
  /** Home directory from passwd, `/` where unknown. */
  readonly home: string;
  readonly name?: string;
}
