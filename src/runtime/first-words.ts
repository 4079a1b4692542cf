/**
 * Tells a runtime's own complaint from what the process writes: both come through the same stream, the complaint only
 * as the very first thing. So that is held back for a moment, until the runtime has had the time to end.
 */
export interface FirstWords {
  stdout(chunk: Uint8Array): void;
  stderr(chunk: Uint8Array): void;
  /** Lets go of what is held back, unless it is `complaint`. */
  end(complaint: string): void;
}

const heldMs = 50;
const mostHeld = 4096;

/** `complaint` says what the runtime has complained of so far. */
export function createFirstWords(
  sink: { readonly stdout: (chunk: Uint8Array) => void; readonly stderr: (chunk: Uint8Array) => void },
  complaint: () => string,
): FirstWords {
  let held: Uint8Array | undefined;
  let timer: NodeJS.Timeout | undefined;
  let begun = false;
  const release = () => {
    begun = true;
    clearTimeout(timer);
    if (held) sink.stderr(held);
    held = undefined;
  };
  const isComplaint = (words: string) =>
    held !== undefined && words !== '' && Buffer.from(held).toString().trim() === words.trim();
  const hold = () => {
    timer = setTimeout(() => (isComplaint(complaint()) ? hold() : release()), heldMs);
  };
  return {
    stdout(chunk) {
      release();
      sink.stdout(chunk);
    },
    stderr(chunk) {
      if (!begun && !held && chunk.length <= mostHeld) {
        held = chunk;
        hold();
        return;
      }
      release();
      sink.stderr(chunk);
    },
    end(words) {
      if (isComplaint(words)) held = undefined;
      release();
    },
  };
}
