import { Worker } from 'node:worker_threads';

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

/** Code that finds other packages from where the program is. */
function rooted(code: string, program: URL): string {
  const place = JSON.stringify(program.href);
  return `((require, STRATA_MODULE_URL) => {${code}\n})(require('node:module').createRequire(${place}), ${place});`;
}
