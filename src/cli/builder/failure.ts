import { formatError, StrataError, toStrataError } from '../../errors/index.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

/** Tells why a build failed: the place in the Dockerfile, then the reason, then what can be done. Gives the exit code. */
export function tellFailure(error: unknown, { stderr, debug }: Session): number {
  if (error instanceof UsageError) throw error;
  const known = toStrataError(error);
  if (known.code === 'told') return 1;
  if (known.kind === 'cancelled') {
    stderr.write('ERROR: failed to build: failed to solve: Canceled: context canceled\n');
    return 130;
  }
  // Shown apart from the message, which comes last, where people look.
  const { location, hint } = known;
  if (location)
    stderr.write(
      formatError(new StrataError(known.kind, '', { location }))
        .replace(/^\n/, '')
        .concat('\n'),
    );
  stderr.write(`ERROR: failed to build: ${stage(known)}${known.message}\n`);
  if (hint !== undefined) stderr.write(`hint: ${hint}\n`);
  if (debug && error instanceof Error) stderr.write(`${error.stack}\n`);
  return 1;
}

const ownCodes = new Set([
  'invalid_option',
  'no_daemon',
  'not_root',
  'daemon_failed',
  'version_mismatch',
  'socket_denied',
  'connection',
]);

/** What the builder itself found is a failure to solve; a wrong option is not. */
function stage(error: StrataError): string {
  if (error.code.startsWith('http_')) return 'Error response from daemon: ';
  return ownCodes.has(error.code) ? '' : 'failed to solve: ';
}
