/** What Prometheus reads at /metrics. Labels hold closed sets only: no ids, no addresses, no values of callers. */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The closed sets of the labels. Every series of them is there from the start, at 0: `rate()` doesn't see the first step of one that is new. */
export interface LabelSets {
  surfaces: readonly string[];
  denials: readonly string[];
  kinds: readonly string[];
  upstreamOutcomes: readonly string[];
  unreadable: readonly string[];
  tokenOutcomes: readonly string[];
  targets: readonly string[];
}

export type PageSurface = (typeof PAGE_SURFACES)[number];

export interface Metrics {
  /** What one worker has, for `render`. `workers`, `restarts`: as the primary knows them. */
  read(workers: number, restarts: number): Promise<unknown[]>;
  /** Prometheus text, and its content type; `all`: of each worker, as `read` gives it. */
  render(all: unknown[][]): Promise<{ text: string; contentType: string }>;
  verification(surface: string, outcome: string, seconds: number): void;
  leaseHit(): void;
  leaseMiss(): void;
  /** Registers a collection of the store and its operations; what comes back is told of each call. */
  storage(collection: string, operations: readonly string[]): (operation: string, seconds: number, ok: boolean) => void;
  gateway(status: number): void;
  /** What became of an accepted request at the SCIM server. */
  upstream(kind: string, outcome: string): void;
  /** Something reached the server that was no request. */
  unreadable(reason: string): void;
  /** What the token or the revocation endpoint answered. */
  token(outcome: string): void;
  adminApi(status: number): void;
  page(surface: PageSurface, status: number): void;
  /** One attempt to sign in to the dashboard. */
  signIn(isAccepted: boolean): void;
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
/** The store has a few collections with a dozen operations each: coarser, so that all of its series stay below 200. */
const STORAGE_LATENCIES = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5];
const COUNT_AGE_MS = 15_000;
const CLASSES = ['2xx', '3xx', '4xx', '5xx'];
const PAGE_SURFACES = ['dashboard', 'portal', 'authorization'] as const;
const CREDENTIAL_STATES = ['pending', 'active', 'disabled', 'revoked', 'expired'];
/** Sums over all types that prom-client calls `_total` although they are gauges, as the linter of Prometheus refuses. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

let processRegistry: Registry | undefined;

/** Processor time, memory, garbage collections: measured once in a process, since what observes them can't be taken away again. */
function ofProcess(): Registry {
  if (processRegistry) return processRegistry;
  processRegistry = new Registry();
  collectDefaultMetrics({ register: processRegistry });
  for (const name of MISNAMED) processRegistry.removeSingleMetric(name);
  return processRegistry;
}

export function createMetrics(sets: LabelSets, version: string): Metrics {
  const registry = new Registry();
  const whole = [ofProcess(), registry];
  const registers = [registry];

  /**
   * A counter of one or two labels, with a series for each combination of their values. Requests add to plain numbers, which become series
   * when they are asked for.
   */
  function counter(name: string, help: string, labels: Record<string, readonly string[]>) {
    const labelNames = Object.keys(labels);
    const [firsts = [], seconds = ['']] = Object.values(labels);
    const series = new Map(firsts.map((first) => [first, new Map(seconds.map((second) => [second, { count: 0 }]))]));
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [first, ofFirst] of series) {
          for (const [second, { count }] of ofFirst) {
            this.labels(...[first, second].slice(0, labelNames.length)).inc(count);
          }
        }
      },
    });
    function make(first: string, second: string): { count: number } {
      const ofFirst = series.get(first) ?? new Map<string, { count: number }>();
      series.set(first, ofFirst);
      const made = { count: 0 };
      ofFirst.set(second, made);
      return made;
    }
    return (first: string, second = '') => {
      (series.get(first)?.get(second) ?? make(first, second)).count++;
    };
  }

  new Gauge({
    name: 'latchkey_build_info',
    help: 'Always 1; the label contains the version of Latchkey.',
    labelNames: ['version'],
    registers,
    aggregator: 'first',
  }).set({ version }, 1);
  const workers = new Gauge({
    name: 'latchkey_workers',
    help: 'Processes that serve requests for this instance.',
    registers,
    aggregator: 'max',
  });
  let ended = 0;
  new Counter({
    name: 'latchkey_worker_restarts_total',
    help: 'Workers that exited unexpectedly and were replaced.',
    registers,
    aggregator: 'max',
    collect() {
      this.reset();
      this.inc(ended);
    },
  });
  const verifications = counter(
    'latchkey_verifications_total',
    'Decisions about credentials, by outcome (allowed, a denial reason, unavailable).',
    { surface: sets.surfaces, outcome: ['allowed', ...sets.denials, 'unavailable'] },
  );
  const latency = new Histogram({
    name: 'latchkey_verification_seconds',
    help: 'Time to decide about one credential.',
    buckets: LATENCIES,
    registers,
  });
  const leases = counter(
    'latchkey_lease_lookups_total',
    'Verifications decided from memory under a lease (hit) or with a read (miss).',
    { result: ['hit', 'miss'] },
  );
  const storageTimes = new Histogram({
    name: 'latchkey_storage_seconds',
    help: 'Time that one store operation takes.',
    labelNames: ['operation'],
    buckets: STORAGE_LATENCIES,
    registers,
  });
  const storageCalls = new Counter({
    name: 'latchkey_storage_operations_total',
    help: 'Store operations, by collection and result; error if the store did not respond.',
    labelNames: ['collection', 'result'],
    registers,
  });
  const answers = counter('latchkey_gateway_responses_total', 'Responses from the gateway, by status class.', {
    class: CLASSES,
  });
  const upstreams = counter(
    'latchkey_upstream_outcomes_total',
    'Accepted requests, by kind and by their result at the SCIM server.',
    { kind: sets.kinds, outcome: sets.upstreamOutcomes },
  );
  const unreadables = counter(
    'latchkey_unreadable_requests_total',
    'Requests that could not be read as HTTP, or did not arrive in time.',
    { reason: sets.unreadable },
  );
  const tokens = counter(
    'latchkey_token_responses_total',
    'Responses from the token and revocation endpoints: issued, revoked, an OAuth error, or unavailable.',
    { outcome: sets.tokenOutcomes },
  );
  const api = counter('latchkey_admin_responses_total', 'Responses from the admin API, by status class.', {
    class: CLASSES,
  });
  const pages = counter('latchkey_page_responses_total', 'Responses to browsers, by status class.', {
    surface: PAGE_SURFACES,
    class: CLASSES,
  });
  const signIns = counter('latchkey_sign_ins_total', 'Attempts to sign in to the dashboard.', {
    outcome: ['accepted', 'refused'],
  });
  const deliveries = counter(
    'latchkey_deliveries_total',
    'Attempts to deliver a message, by kind of target and outcome (delivered, retried, failed).',
    { target: sets.targets, outcome: ['delivered', 'retried', 'failed'] },
  );
  const waiting = new Gauge({
    name: 'latchkey_deliveries_pending',
    help: 'Messages waiting to be delivered, including retries.',
    registers,
    aggregator: 'max',
    async collect() {
      await refreshQueue();
    },
  });
  const overdue = new Gauge({
    name: 'latchkey_deliveries_oldest_due_seconds',
    help: 'How long the oldest due message has been waiting.',
    registers,
    aggregator: 'max',
  });
  const credentials = new Gauge({
    name: 'latchkey_credentials',
    help: 'Credentials by state.',
    labelNames: ['state'] as const,
    registers,
    aggregator: 'max',
    async collect() {
      await refreshCounts();
    },
  });

  for (const state of CREDENTIAL_STATES) credentials.set({ state }, 0);

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

  return {
    async read(count, restarts) {
      workers.set(count);
      ended = restarts;
      return (await Promise.all(whole.map((each) => each.getMetricsAsJSON()))).flat();
    },
    async render(all) {
      const { contentType } = registry;
      // The sums leave out what has no sum, such as when a process began.
      if (all.length === 1) return { text: await Registry.merge(whole).metrics(), contentType };
      return { text: await AggregatorRegistry.aggregate(all as object[]).metrics(), contentType };
    },
    verification(surface, outcome, seconds) {
      verifications(surface, outcome);
      latency.observe(seconds);
    },
    leaseHit: () => leases('hit'),
    leaseMiss: () => leases('miss'),
    storage(collection, operations) {
      const succeeded = storageCalls.labels(collection, 'ok');
      const failed = storageCalls.labels(collection, 'error');
      succeeded.inc(0);
      failed.inc(0);
      for (const operation of operations) storageTimes.zero({ operation });
      const times = new Map(operations.map((operation) => [operation, storageTimes.labels(operation)]));
      return (operation, seconds, ok) => {
        times.get(operation)?.observe(seconds);
        (ok ? succeeded : failed).inc();
      };
    },
    delivery: deliveries,
    measureQueue(read) {
      readQueue = read;
    },
    gateway: (status) => answers(classOf(status)),
    token: tokens,
    adminApi: (status) => api(classOf(status)),
    page: (surface, status) => pages(surface, classOf(status)),
    signIn: (isAccepted) => signIns(isAccepted ? 'accepted' : 'refused'),
    measureClock(skewMs) {
      new Gauge({
        name: 'latchkey_clock_skew_seconds',
        help: "How far this instance's clock is ahead of the store's.",
        registers,
        aggregator: 'max',
        collect() {
          this.set(skewMs() / 1000);
        },
      });
    },
    upstream: upstreams,
    unreadable: unreadables,
    countCredentials(read) {
      readCounts = read;
    },
  };
}

function classOf(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}
