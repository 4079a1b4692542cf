import { StrataError } from '../errors/index.ts';

/** How long the two requests of one build wait for each other. */
const patience = 5000;

interface Meeting {
  /** Wrapped, so that it is told of at once and not when the whole of it is here. */
  readonly offered: PromiseWithResolvers<{ readonly file: Promise<string> }>;
  readonly taken: PromiseWithResolvers<void>;
}

/**
 * Contexts that come in a request of their own (`buildid=upload-request:ID`), for a build that asks for it by the same id
 * (`remote=upload-request`): so the docker client 18.09 to 20.10 sends a tar from its standard input.
 */
export class BuildUploads {
  readonly #meetings = new Map<string, Meeting>();

  /** Resolves when the build has the file; rejects where none asks for it. */
  async offer(id: string, file: Promise<string>): Promise<void> {
    const meeting = this.#at(id);
    file.catch(() => undefined);
    meeting.offered.resolve({ file });
    try {
      await inTime(meeting.taken.promise, `no build ${id} asks for this context`);
      await file;
    } finally {
      this.#end(id, meeting);
    }
  }

  /** The file, when it is whole. */
  async take(id: string): Promise<string> {
    const meeting = this.#at(id);
    try {
      const { file } = await inTime(meeting.offered.promise, `the context of build ${id} was not sent`);
      meeting.taken.resolve();
      return await file;
    } finally {
      this.#end(id, meeting);
    }
  }

  #at(id: string): Meeting {
    const known = this.#meetings.get(id);
    if (known) return known;
    const meeting = {
      offered: Promise.withResolvers<{ readonly file: Promise<string> }>(),
      taken: Promise.withResolvers<void>(),
    };
    this.#meetings.set(id, meeting);
    return meeting;
  }

  #end(id: string, meeting: Meeting): void {
    if (this.#meetings.get(id) === meeting) this.#meetings.delete(id);
  }
}

async function inTime<T>(promise: Promise<T>, late: string): Promise<T> {
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => timer.reject(new StrataError('failed_precondition', late)), patience);
  try {
    return await Promise.race([promise, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
