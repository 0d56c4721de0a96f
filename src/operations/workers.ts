/**
 * The primary process of a service with several workers: starts them on one port, replaces one that ends, passes on what they share, sums their
 * metrics and drains them together. It answers no request and opens no store.
 */
import { availableParallelism } from 'node:os';
import type { Log } from '../log.ts';
import type { ToPrimary, ToWorker } from './siblings.ts';

/** A process that answers requests, as the primary handles it. */
export interface WorkerProcess {
  pid: number | undefined;
  tell(message: ToWorker): void;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  onMessage(hear: (message: ToPrimary) => void): void;
  onEnd(ended: (code: number | null, signal: string | null) => void): void;
}

export interface WorkersOptions {
  count: number;
  /** Starts a worker: the `lead` runs the rounds that one process is enough for. */
  start: (role: 'lead' | 'follower') => WorkerProcess;
  log: Log;
  /** Called once, when all workers answer, with what the first one said. */
  onReady: (line: string) => void;
  /** How long draining may take, some seconds more than the workers allow themselves. */
  drainMs: number;
}

export interface Workers {
  /** Lets all workers finish what is under way; resolves when they have ended. */
  drain(): Promise<void>;
  /** Resolves with the exit code of the first worker when that cannot start: nothing is served then. */
  failed: Promise<number>;
}

const MOST_WORKERS = 64;
const ANSWER_MS = 2000;
/** A worker that ends sooner than this after its start is replaced later and later. */
const SOON_MS = 5000;
const LONGEST_WAIT_MS = 30_000;

interface Series {
  labels?: Record<string, string | number>;
  metricName?: string;
  value: number;
}

/** A metric as prom-client gives it. */
interface MetricOfWorker {
  name: string;
  type: string;
  values: Series[];
}

interface Gathering {
  asker: WorkerProcess;
  id: number;
  wanted: Set<WorkerProcess>;
  late: NodeJS.Timeout;
}

export function startWorkers(options: WorkersOptions): Workers {
  const { count, log, onReady, drainMs } = options;
  const running = new Set<WorkerProcess>();
  const ready = new Set<WorkerProcess>();
  /** So that what a worker counted is not lost with it. */
  const latest = new Map<WorkerProcess, MetricOfWorker[]>();
  let ended: MetricOfWorker[] = [];
  let lead: WorkerProcess | undefined;
  let firstLine: string | undefined;
  let wasReady = false;
  let isStopping = false;
  let restarts = 0;
  let hasty = 0;
  const gatherings = new Map<number, Gathering>();
  let questions = 0;
  let fail: (code: number) => void = () => undefined;
  const failed = new Promise<number>((resolve) => {
    fail = resolve;
  });

  function start(): void {
    const isLead = lead === undefined;
    const startedAt = performance.now();
    const worker = options.start(isLead ? 'lead' : 'follower');
    running.add(worker);
    if (isLead) lead = worker;
    worker.onMessage((message) => hear(worker, message));
    worker.onEnd((code, signal) => replace(worker, code, signal, performance.now() - startedAt));
  }

  function hear(worker: WorkerProcess, message: ToPrimary): void {
    if (message.type === 'calls') {
      for (const other of running) if (other !== worker) other.tell(message);
    } else if (message.type === 'metrics wanted') gather(worker, message.id);
    else if (message.type === 'metrics') receive(worker, message.id, message.metrics as MetricOfWorker[]);
    else {
      ready.add(worker);
      if (firstLine === undefined) {
        firstLine = message.line;
        for (let more = 1; more < count; more++) start();
      }
      if (ready.size < count || wasReady) return;
      wasReady = true;
      onReady(firstLine);
    }
  }

  function replace(worker: WorkerProcess, code: number | null, signal: string | null, livedMs: number): void {
    running.delete(worker);
    ready.delete(worker);
    ended = addedUp([ended, latest.get(worker) ?? []]);
    latest.delete(worker);
    for (const [question, { wanted }] of gatherings) {
      wanted.delete(worker);
      finishIfDone(question);
    }
    if (lead === worker) lead = undefined;
    if (isStopping) return;
    if (firstLine === undefined) {
      fail(code ?? 1);
      return;
    }
    restarts++;
    hasty = livedMs < SOON_MS ? hasty + 1 : 0;
    const waitMs = hasty === 0 ? 0 : Math.min(LONGEST_WAIT_MS, 250 * 2 ** Math.min(hasty, 10));
    log.error({ worker: worker.pid, code, signal, waitMs }, 'a worker exited unexpectedly; another one replaces it');
    setTimeout(() => {
      if (!isStopping) start();
    }, waitMs);
  }

  function gather(asker: WorkerProcess, id: number): void {
    const question = ++questions;
    const wanted = new Set(ready);
    // A worker that does not answer counts with what it said last.
    const late = setTimeout(() => {
      wanted.clear();
      finishIfDone(question);
    }, ANSWER_MS);
    gatherings.set(question, { asker, id, wanted, late });
    for (const worker of ready) worker.tell({ type: 'metrics wanted', id: question, workers: ready.size, restarts });
  }

  function receive(worker: WorkerProcess, question: number, metrics: MetricOfWorker[]): void {
    latest.set(worker, metrics);
    gatherings.get(question)?.wanted.delete(worker);
    finishIfDone(question);
  }

  function finishIfDone(question: number): void {
    const gathering = gatherings.get(question);
    if (!gathering || gathering.wanted.size > 0) return;
    gatherings.delete(question);
    clearTimeout(gathering.late);
    gathering.asker.tell({ type: 'metrics', id: gathering.id, all: [...latest.values(), ended] });
  }

  start();

  return {
    failed,
    async drain() {
      isStopping = true;
      const gone = [...running].map((worker) => new Promise<void>((resolve) => worker.onEnd(() => resolve())));
      for (const worker of running) worker.kill('SIGTERM');
      const hard = setTimeout(() => {
        for (const worker of running) worker.kill('SIGKILL');
      }, drainMs);
      await Promise.all(gone);
      clearTimeout(hard);
    },
  };
}

/** How many processes a setting means. */
export function workersOf(setting: number | 'auto'): number {
  return setting === 'auto' ? Math.min(MOST_WORKERS, availableParallelism()) : setting;
}

/** Only what is counted is added up: what a process that has ended measured last is true no more. */
function addedUp(lists: MetricOfWorker[][]): MetricOfWorker[] {
  const sums = new Map<string, MetricOfWorker>();
  for (const metric of lists.flat()) {
    if (metric.type !== 'counter' && metric.type !== 'histogram') continue;
    const known = sums.get(metric.name);
    if (!known) {
      sums.set(metric.name, { ...metric, values: metric.values.map((series) => ({ ...series })) });
      continue;
    }
    const keyOf = ({ metricName, labels }: Series) => `${metricName ?? ''} ${JSON.stringify(labels ?? {})}`;
    const byKey = new Map(known.values.map((series) => [keyOf(series), series]));
    for (const series of metric.values) {
      const same = byKey.get(keyOf(series));
      if (same) same.value += series.value;
      else known.values.push({ ...series });
    }
  }
  return [...sums.values()];
}
