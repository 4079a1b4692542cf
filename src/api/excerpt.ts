import { formatError, StrataError } from '../errors/index.ts';

/** The lines of the Dockerfile that an error is about, for clients that print only text. */
export function excerptText(error: StrataError): readonly string[] {
  if (!error.location) return [];
  const { location } = error;
  return [`${formatError(new StrataError(error.kind, '', { location })).trimStart()}\n`];
}
