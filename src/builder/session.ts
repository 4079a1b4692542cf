import { randomBytes } from 'node:crypto';
import { messageOf, StrataError } from '../errors/index.ts';
import type { BuildEvent, Progress } from '../progress/index.ts';
import type { NamedContext } from '../wire/index.ts';
import type { VertexEvent, Work, WorkEvent } from './solver/vertex.ts';
import type { Allowed } from './source-policy.ts';
import type { BuildOptions } from './types.ts';

/** What one build says while it runs, and what ends with it. */
export class Session {
  readonly progress: Progress<BuildEvent>;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly blobsOf: NonNullable<BuildOptions['blobsOf']>;
  readonly credentialsOf: NonNullable<BuildOptions['credentialsOf']>;
  readonly secretOf: NonNullable<BuildOptions['secretOf']>;
  /** What the source policies of the build say. */
  allowed: Allowed = (identifier) => identifier;
  readonly #bring: BuildOptions['bring'];
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #prefix = randomBytes(28).toString('hex');
  #count = 0;

  constructor(
    {
      progress,
      signal,
      blobsOf = () => undefined,
      credentialsOf = async () => undefined,
      secretOf = async () => undefined,
      bring,
    }: BuildOptions,
    now: () => number,
  ) {
    this.blobsOf = blobsOf;
    this.credentialsOf = credentialsOf;
    this.secretOf = secretOf;
    this.#bring = bring;
    this.progress = progress;
    this.signal = signal;
    this.now = now;
  }

  vertexID(): string {
    return `sha256:${this.#prefix}${(++this.#count).toString(16).padStart(8, '0')}`;
  }

  /** Whether files of contexts are still with the client. */
  get brings(): boolean {
    return this.#bring !== undefined;
  }

  /** Has the client send its files below `paths`, or all of a context; see {@link BuildOptions.bring}. */
  async bring(context: NamedContext, paths: readonly string[] | undefined, { emit }: Work): Promise<void> {
    if (context.kind !== 'local') return;
    await this.#bring?.(context.dir, paths, (current, done) =>
      emit({ type: 'status', status: 'transferring context:', current, unit: 'bytes', at: this.now(), done }),
    );
  }

  /** Done when the build ends, however it ends; the last one first. */
  onEnd(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async end(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  /** A step that is no instruction: `[internal] load .dockerignore`. */
  async step<T>(
    event: Pick<VertexEvent, 'kind' | 'name'>,
    action: (work: Work) => Promise<T>,
    cached: (result: T) => boolean = () => false,
  ): Promise<T> {
    const id = this.vertexID();
    const emit = (inner: WorkEvent) => this.progress({ ...inner, id } as BuildEvent);
    this.progress({ type: 'vertex', id, ...event });
    this.progress({ type: 'started', id, at: this.now() });
    try {
      const result = await action({ emit, signal: this.signal });
      this.progress({ type: 'completed', id, at: this.now(), cached: cached(result) });
      return result;
    } catch (error) {
      if (this.signal.aborted) this.progress({ type: 'cancelled', id, at: this.now() });
      else {
        const location = error instanceof StrataError ? error.location : undefined;
        this.progress({ type: 'failed', id, at: this.now(), message: messageOf(error), ...(location && { location }) });
      }
      throw error;
    }
  }
}
