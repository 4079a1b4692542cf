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

export function createFirstWords(sink: {
  readonly stdout: (chunk: Uint8Array) => void;
  readonly stderr: (chunk: Uint8Array) => void;
}): FirstWords {
  let held: Uint8Array | undefined;
  let timer: NodeJS.Timeout | undefined;
  let begun = false;
  const release = () => {
    begun = true;
    clearTimeout(timer);
    if (held) sink.stderr(held);
    held = undefined;
  };
  return {
    stdout(chunk) {
      release();
      sink.stdout(chunk);
    },
    stderr(chunk) {
      if (!begun && !held && chunk.length <= mostHeld) {
        held = chunk;
        timer = setTimeout(release, heldMs);
        return;
      }
      release();
      sink.stderr(chunk);
    },
    end(complaint) {
      const isComplaint = held && complaint !== '' && Buffer.from(held).toString().trim() === complaint.trim();
      if (isComplaint) held = undefined;
      release();
    },
  };
}
