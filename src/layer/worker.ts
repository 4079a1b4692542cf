import { runLayerWorker } from './layer-worker.ts';

runLayerWorker();
