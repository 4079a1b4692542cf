/** The script of a file worker's thread, where the program is not bundled. */
import { runFileWorker } from './file-worker.ts';

runFileWorker();
