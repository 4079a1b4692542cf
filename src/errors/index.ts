export { diskFullText } from './disk-full.ts';
export type { ErrorKind, SourceLocation, StrataErrorOptions } from './error.ts';
export { errorKinds, formatError, isKind, messageOf, StrataError, toStrataError } from './error.ts';
