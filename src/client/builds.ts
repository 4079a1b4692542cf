import { type ErrorKind, errorKinds, type SourceLocation, StrataError } from '../errors/index.ts';
import type { BuildEvent, Progress } from '../progress/index.ts';
import type { BuildRequest, BuildResult, DaemonStatus } from '../wire/index.ts';
import type { Transport } from './transport.ts';

export interface StrataCalls {
  /** Builds; the daemon stops the build when `signal` is aborted. Rejects with the builder's own error. */
  build(
    request: BuildRequest,
    options: {
      readonly progress: Progress<BuildEvent>;
      /** Waited for after each event. */
      readonly drained?: () => Promise<void>;
      readonly signal?: AbortSignal;
      /** Told of a failed step that was kept (`keepFailed`); it is there until this is done. */
      readonly onFailedStep?: (step: FailedStepSummary, error: StrataError) => Promise<void>;
      /** Whether the shell in a failed step gets a terminal. */
      readonly tty?: boolean;
    },
  ): Promise<BuildResult>;
  status(): Promise<DaemonStatus>;
  shutdown(): Promise<void>;
}

type Line =
  | BuildEvent
  | { readonly type: 'result'; readonly result: BuildResult }
  | { readonly type: 'error'; readonly error: RemoteError };

/** A StrataError as it travels. */
interface RemoteError {
  readonly kind: string;
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
  readonly location?: SourceLocation;
  readonly exitCode?: number;
  readonly failedStep?: FailedStepSummary;
}

/** A failed step that was kept: a container to start, or the reason why there is none. */
export interface FailedStepSummary {
  /** Id of a container that is a shell where the step failed; the daemon removes it when the call ends. */
  readonly container?: string;
  readonly problem?: string;
}

export function createStrataCalls(transport: Transport): StrataCalls {
  return {
    async build(request, { drained, progress, signal, onFailedStep, tty = false }) {
      const path = `/strata/v1/build${tty ? '?tty=1' : ''}`;
      const lines = transport.lines<Line>('POST', path, { json: request, ...(signal && { signal }) });
      const running = new Set<string>();
      try {
        for await (const line of lines) {
          if (line.type === 'result') return line.result;
          if (line.type === 'error') {
            const error = remoteError(line.error);
            if (line.error.failedStep) await onFailedStep?.(line.error.failedStep, error);
            throw error;
          }
          note(running, line);
          progress(line);
          await drained?.();
        }
      } catch (error) {
        // The connection that the daemon would have told it on is the one that ended.
        if (signal?.aborted) for (const id of running) progress({ type: 'cancelled', id, at: Date.now() });
        throw explained(error, signal, transport);
      }
      throw new StrataError('unavailable', 'the daemon went away before the build was done', { code: 'no_result' });
    },
    status: () => transport.json('GET', '/strata/v1/status'),
    async shutdown() {
      await transport.text('POST', '/strata/v1/shutdown');
    },
  };
}

/** Keeps the vertices that are under way. */
function note(running: Set<string>, event: BuildEvent): void {
  if (event.type === 'started') running.add(event.id);
  if (event.type === 'completed' || event.type === 'failed' || event.type === 'cancelled') running.delete(event.id);
}

function explained(error: unknown, signal: AbortSignal | undefined, transport: Transport): unknown {
  if (signal?.aborted) return new StrataError('cancelled', 'context canceled', { cause: error, exitCode: 130 });
  if (error instanceof StrataError && error.code === 'http_404') {
    const at = transport.endpoint.kind === 'unix' ? transport.endpoint.path : transport.endpoint.host;
    return new StrataError('unsupported', `what answers at ${at} is not a Strata daemon of this version`, {
      code: 'version_mismatch',
      hint: 'compare the two with `strata version`; restart an older daemon with this program',
      cause: error,
    });
  }
  return error;
}

function remoteError({ kind, code, message, hint, location, exitCode }: RemoteError): StrataError {
  const known = (errorKinds as readonly string[]).includes(kind) ? (kind as ErrorKind) : 'internal';
  return new StrataError(known, message, {
    ...(code !== undefined && { code }),
    ...(hint !== undefined && { hint }),
    ...(location !== undefined && { location }),
    ...(exitCode !== undefined && { exitCode }),
  });
}
