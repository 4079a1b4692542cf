import { once } from 'node:events';
import type { Duplex } from 'node:stream';

/** Resolves when `output` can take more, or is gone: whoever writes looks which. */
export async function drained(output: Duplex): Promise<void> {
  const closed = new AbortController();
  const onClose = () => closed.abort();
  output.once('close', onClose);
  try {
    if (!output.destroyed) await once(output, 'drain', { signal: closed.signal });
  } catch {
    // gone: see above
  } finally {
    output.off('close', onClose);
  }
}
