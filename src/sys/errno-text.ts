const texts: Readonly<Record<string, string>> = {
  ENAMETOOLONG: 'file name too long',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  ENOENT: 'no such file or directory',
  EEXIST: 'file exists',
  ELOOP: 'too many levels of symbolic links',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on device',
  EXDEV: 'invalid cross-device link',
};

/** The kernel's own words for a failed system call (strerror(3)), in small letters as Docker has them. */
export function errnoText({ code = '', message }: NodeJS.ErrnoException): string {
  return texts[code] ?? message;
}
