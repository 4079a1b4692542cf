import { StrataError } from '../../errors/index.ts';

/** An option of `run` or `create` that cannot be meant. */
export function invalid(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_option', exitCode: 125 });
}
