/** What was measured, against what is to be reached; as a table for people and as JSON. */

export interface Measured {
  name: string;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  failed: number;
  /** Share of its core that the server used. */
  busy: number;
  memoryBytes: number;
}

export interface Target {
  name: string;
  wanted: string;
  value: number;
  reached: boolean;
}

export interface Report {
  at: string;
  node: string;
  engine: 'sqlite' | 'mongodb';
  credentials: number;
  connections: number;
  seconds: number;
  generator: string;
  pinned: boolean;
  measured: Measured[];
  coldStartMs: number;
  memoryBytes: number;
  peakMemoryBytes: number;
  targets: Target[];
}

const MEGABYTE = 1024 * 1024;

export function targetsOf({ measured, coldStartMs, peakMemoryBytes }: Report): Target[] {
  const [raw, koa, verify] = ['raw', 'Koa', '/auth/verify'].map((name) => find(measured, name));
  const [oidc, introspect] = ['oidc-provider', '/oauth/introspect'].map((name) => find(measured, name));
  const [proxy, gateway] = ['bare', 'gateway'].map((name) => find(measured, name));
  const many = measured.find(({ name }) => name.startsWith('/auth/verify,'));
  const atLeast = (name: string, value: number, least: number, unit = ''): Target => {
    return { name, wanted: `at least ${least}${unit}`, value, reached: value >= least };
  };
  const atMost = (name: string, value: number, most: number, unit = ''): Target => {
    return { name, wanted: `at most ${most}${unit}`, value, reached: value <= most };
  };
  const rate = (one?: Measured, other?: Measured) => (one?.requestsPerSecond ?? 0) / (other?.requestsPerSecond ?? 0);
  return [
    atLeast('/auth/verify: rate of raw node:http', rate(verify, raw), 0.45),
    atMost("/auth/verify: p99 of Koa's", (verify?.p99Ms ?? Number.NaN) / (koa?.p99Ms ?? Number.NaN), 3),
    atLeast("introspection: rate of oidc-provider's", rate(introspect, oidc), 3),
    atLeast('gateway: rate of a bare node:http proxy', rate(gateway, proxy), 0.8),
    ...(many ? [atLeast('/auth/verify: rate with many stored, of that with few', rate(many, verify), 0.9)] : []),
    atMost('most memory, MB', peakMemoryBytes / MEGABYTE, 400),
    atMost('cold start, s', coldStartMs / 1000, 2),
    atMost(
      'failed requests',
      measured.reduce((sum, { failed }) => sum + failed, 0),
      0,
    ),
  ];
}

function find(measured: Measured[], start: string): Measured | undefined {
  return measured.find(({ name }) => name.startsWith(start));
}

export function render(report: Report): string {
  const { node, engine, credentials, connections, seconds, generator, pinned, measured, targets } = report;
  const place = pinned ? 'each server on one core, the load on the other' : 'not pinned to cores (taskset is missing)';
  const [raw] = measured;
  return [
    '',
    `Node ${node}, ${engine}, ${credentials.toLocaleString('en-US')} credentials stored; ${place}.`,
    `${connections} connections from ${generator}, ${seconds} s each in turns; medians.`,
    '',
    table(
      ['', 'requests/s', 'of raw', 'p50 ms', 'p99 ms', 'core', 'MB', 'failed'],
      measured.map((one) => [
        one.name,
        Math.round(one.requestsPerSecond).toLocaleString('en-US'),
        (one.requestsPerSecond / (raw?.requestsPerSecond ?? Number.NaN)).toFixed(2),
        one.p50Ms.toFixed(2),
        one.p99Ms.toFixed(2),
        `${Math.round(one.busy * 100)} %`,
        Math.round(one.memoryBytes / MEGABYTE).toString(),
        one.failed.toString(),
      ]),
    ),
    '',
    table(
      ['', 'measured', 'wanted', ''],
      targets.map(({ name, value, wanted, reached }) => [
        name,
        Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 0),
        wanted,
        reached ? 'reached' : 'missed',
      ]),
    ),
    '',
  ].join('\n');
}

/** The first column to the left, the others to the right. */
function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
