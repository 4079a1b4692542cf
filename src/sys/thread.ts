import { Worker } from 'node:worker_threads';
import { nativePlace } from './carried-koffi.ts';

/**
 * Starts a worker thread. `code` is what the build of a one-file program put in the place of the module: the code of that
 * thread alone. The whole program, of which a thread needs a fiftieth, would take longer to load than most work takes.
 */
export function startThread(module: URL, code: string | undefined, data?: unknown): Worker {
  const options = {
    workerData: data,
    // Descriptors come from our own system calls: Node's book-keeping of them would warn about each.
    trackUnmanagedFds: false,
    // Trees and archives make much young garbage: collected in small portions, it takes little room.
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  };
  return code === undefined
    ? new Worker(module, options)
    : new Worker(rooted(code, module), { ...options, eval: true });
}

/** Code that knows where the program is, and where this process has its native part. */
function rooted(code: string, program: URL): string {
  const places = [program.href, nativePlace()].map((place) => JSON.stringify(place));
  return `((STRATA_MODULE_URL, STRATA_NATIVE_PLACE) => {${code}\n})(${places.join(', ')});`;
}
