import { runFileWorker } from './worker.ts';

runFileWorker();
