/** What Prometheus reads at /metrics. Labels hold closed sets only: no ids, no addresses, no values of callers. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  /** Prometheus text, and its content type. */
  render(): Promise<{ text: string; contentType: string }>;
  verification(surface: string, outcome: string, seconds: number): void;
  leaseHit(): void;
  leaseMiss(): void;
  storage(operation: string, collection: string, seconds: number, ok: boolean): void;
  gateway(status: number): void;
  /** What became of an accepted request at the SCIM server. */
  upstream(kind: string, outcome: string): void;
  /** Something reached the server that was no request. */
  unreadable(reason: string): void;
  /** Registers where counts by credential state come from; asked at most once in 15 s. */
  countCredentials(read: () => Promise<Record<string, number>>): void;
  /** One attempt to deliver a message: `delivered`, `retried` later, or `failed` for good. */
  delivery(target: string, outcome: string): void;
  /** Registers where the depth of the queue of deliveries comes from; asked at most once in 15 s. */
  measureQueue(read: () => Promise<{ pending: number; oldestDueSeconds: number }>): void;
  /** Registers how far our clock is ahead of the store's, in milliseconds. */
  measureClock(skewMs: () => number): void;
}

const LATENCIES = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 4];
const COUNT_AGE_MS = 15_000;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'latchkey_' });
  const registers = [registry];

  const verifications = new Counter({
    name: 'latchkey_verifications_total',
    help: 'Decisions about presented credentials, by outcome (allowed, a denial reason, unavailable).',
    labelNames: ['surface', 'outcome'] as const,
    registers,
  });
  const latency = new Histogram({
    name: 'latchkey_verification_seconds',
    help: 'Time to decide about one presented credential.',
    buckets: LATENCIES,
    registers,
  });
  const leases = new Counter({
    name: 'latchkey_lease_lookups_total',
    help: 'Verifications answered from memory under a lease (hit) or by a read (miss).',
    labelNames: ['result'] as const,
    registers,
  });
  const operations = new Histogram({
    name: 'latchkey_storage_seconds',
    help: 'Time of one operation of the credential store.',
    labelNames: ['operation', 'collection', 'result'] as const,
    buckets: LATENCIES,
    registers,
  });
  const answers = new Counter({
    name: 'latchkey_gateway_responses_total',
    help: 'Answers of the gateway, by class of status.',
    labelNames: ['class'] as const,
    registers,
  });
  const upstreams = new Counter({
    name: 'latchkey_upstream_outcomes_total',
    help: 'Accepted requests by what became of them at the SCIM server, per kind of request.',
    labelNames: ['kind', 'outcome'] as const,
    registers,
  });
  const unreadables = new Counter({
    name: 'latchkey_unreadable_requests_total',
    help: 'Requests that could not be read as HTTP, or did not come in time.',
    labelNames: ['reason'] as const,
    registers,
  });
  const deliveries = new Counter({
    name: 'latchkey_deliveries_total',
    help: 'Attempts to deliver a message, by kind of target and outcome (delivered, retried, failed).',
    labelNames: ['target', 'outcome'] as const,
    registers,
  });
  const waiting = new Gauge({
    name: 'latchkey_deliveries_pending',
    help: 'Messages that wait to be delivered, retries included.',
    registers,
    async collect() {
      await refreshQueue();
    },
  });
  const overdue = new Gauge({
    name: 'latchkey_deliveries_oldest_due_seconds',
    help: 'For how long the oldest message that is due has been waiting.',
    registers,
  });
  const credentials = new Gauge({
    name: 'latchkey_credentials',
    help: 'Credentials by state.',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      await refreshCounts();
    },
  });

  let readCounts: (() => Promise<Record<string, number>>) | undefined;
  let countedAt = Number.NEGATIVE_INFINITY;
  async function refreshCounts(): Promise<void> {
    if (!readCounts || performance.now() - countedAt < COUNT_AGE_MS) return;
    try {
      for (const [state, count] of Object.entries(await readCounts())) credentials.set({ state }, count);
      countedAt = performance.now();
    } catch {
      // The store cannot be asked; the other metrics are wanted then more than ever.
    }
  }

  let readQueue: (() => Promise<{ pending: number; oldestDueSeconds: number }>) | undefined;
  let queueReadAt = Number.NEGATIVE_INFINITY;
  async function refreshQueue(): Promise<void> {
    if (!readQueue || performance.now() - queueReadAt < COUNT_AGE_MS) return;
    try {
      const { pending, oldestDueSeconds } = await readQueue();
      waiting.set(pending);
      overdue.set(oldestDueSeconds);
      queueReadAt = performance.now();
    } catch {
      // As with credentials: the other metrics are wanted all the more.
    }
  }

  const hits = leases.labels('hit');
  const misses = leases.labels('miss');
  const outcomes = new Map<string, Counter.Internal>();
  const upstreamOutcomes = new Map<string, Counter.Internal>();
  const storageTimes = new Map<string, Histogram.Internal<string>>();

  return {
    async render() {
      return { text: await registry.metrics(), contentType: registry.contentType };
    },
    verification(surface, outcome, seconds) {
      const key = `${surface} ${outcome}`;
      let counter = outcomes.get(key);
      if (!counter) {
        counter = verifications.labels(surface, outcome);
        outcomes.set(key, counter);
      }
      counter.inc();
      latency.observe(seconds);
    },
    leaseHit: () => hits.inc(),
    leaseMiss: () => misses.inc(),
    storage(operation, collection, seconds, ok) {
      const key = `${operation} ${collection} ${ok}`;
      let histogram = storageTimes.get(key);
      if (!histogram) {
        histogram = operations.labels(operation, collection, ok ? 'ok' : 'error');
        storageTimes.set(key, histogram);
      }
      histogram.observe(seconds);
    },
    delivery: (target, outcome) => deliveries.inc({ target, outcome }),
    measureQueue(read) {
      readQueue = read;
    },
    gateway: (status) => answers.inc({ class: `${Math.floor(status / 100)}xx` }),
    measureClock(skewMs) {
      new Gauge({
        name: 'latchkey_clock_skew_seconds',
        help: "How far this instance's clock is ahead of the store's.",
        registers,
        collect() {
          this.set(skewMs() / 1000);
        },
      });
    },
    upstream(kind, outcome) {
      const key = `${kind} ${outcome}`;
      let counter = upstreamOutcomes.get(key);
      if (!counter) {
        counter = upstreams.labels(kind, outcome);
        upstreamOutcomes.set(key, counter);
      }
      counter.inc();
    },
    unreadable: (reason) => unreadables.inc({ reason }),
    countCredentials(read) {
      readCounts = read;
    },
  };
}
