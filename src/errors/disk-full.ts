/** SQLITE_FULL: https://www.sqlite.org/rescode.html. */
const sqliteFull = 13;

/** The words for a full disk or a used-up quota, whoever met it (the kernel, the database); undefined for other errors. */
export function diskFullText(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; depth < 5 && error instanceof Error; depth++, error = error.cause) {
    const { code, errcode } = error as { code?: unknown; errcode?: unknown };
    if (code === 'EDQUOT') return 'disk quota exceeded';
    if (code === 'no_space') return error.message;
    if (code === 'ENOSPC' || (code === 'ERR_SQLITE_ERROR' && errcode === sqliteFull)) return 'no space left on device';
  }
  return undefined;
}
