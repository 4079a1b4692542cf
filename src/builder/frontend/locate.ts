import { type Dockerfile, type TextRange, withExcerpt } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';

type Lines = Pick<Dockerfile, 'lines'>;

/** Runs `action`; an error without a place gets that of the instruction that it is about. */
export function at<T>(dockerfile: Lines, range: TextRange, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw located(dockerfile, range, error);
  }
}

export function located(dockerfile: Lines, range: TextRange, error: unknown): unknown {
  if (!(error instanceof StrataError) || error.location || error.kind === 'cancelled') return error;
  const { kind, message, code, hint, exitCode, cause } = error;
  return new StrataError(kind, message, {
    code,
    location: withExcerpt(range, dockerfile.lines),
    ...(hint !== undefined && { hint }),
    ...(exitCode !== undefined && { exitCode }),
    ...(cause !== undefined && { cause }),
  });
}
