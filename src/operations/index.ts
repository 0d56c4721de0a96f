/** RUNS. What operators of the process look at: alive, ready, metrics; and which instances answer beside this one. */
export { type Tightened, tightenDataFolder } from './data-folder.ts';
export { answerWhileStarting, createOperations } from './health.ts';
export { ANNOUNCE_EVERY_MS, createInstances } from './instances.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { createSiblings, type Line, type Siblings, type ToPrimary, type ToWorker } from './siblings.ts';
export { startWorkers, type WorkerProcess, workersOf } from './workers.ts';
