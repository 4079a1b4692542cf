import { StrataError } from '../../errors/index.ts';

/** The options of a build cannot be meant, or name what is not there. */
export function fault(message: string, hint?: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_option', ...(hint !== undefined && { hint }) });
}
