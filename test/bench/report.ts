/** What was measured, against what is to be reached; as a table for people and as JSON. */

import type { MeasuredPage } from './pages.ts';

export interface Measured {
  name: string;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  failed: number;
  /** Share of its core that the server used: well below 1, something else had the core, or the load was too little. */
  busy: number;
  /** Requests in a second of the server's own processor time. */
  perCoreSecond: number;
  memoryBytes: number;
}

export interface Target {
  name: string;
  wanted: string;
  value: number;
  /** The same ratio in requests per second of processor time, which other work on the machine disturbs less. */
  perCoreSecond?: number;
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
  /** Of the dashboard, with 10,000 organizations. */
  pages: MeasuredPage[];
  coldStartMs: number;
  memoryBytes: number;
  peakMemoryBytes: number;
  targets: Target[];
}

const MEGABYTE = 1024 * 1024;
const FULL_CORE = 0.9;

export function targetsOf({ measured, pages, coldStartMs, peakMemoryBytes }: Report): Target[] {
  const [raw, koa, verify] = ['raw', 'Koa', '/auth/verify'].map((name) => find(measured, name));
  const access = find(measured, '/auth/verify of access tokens');
  const [oidc, introspect] = ["oidc-provider's introspection", '/oauth/introspect'].map((name) => find(measured, name));
  const [oidcRefresh, refresh] = ["oidc-provider's refresh", 'refresh'].map((name) => find(measured, name));
  const [oidcClient, client] = ["oidc-provider's client", 'client'].map((name) => find(measured, name));
  const [proxy, gateway] = ['bare', 'gateway'].map((name) => find(measured, name));
  const many = measured.find(({ name }) => name.startsWith('/auth/verify,'));
  const atLeast = (name: string, value: number, least: number, unit = ''): Target => {
    return { name, wanted: `at least ${least}${unit}`, value, reached: value >= least };
  };
  const atMost = (name: string, value: number, most: number, unit = ''): Target => {
    return { name, wanted: `at most ${most}${unit}`, value, reached: value <= most };
  };
  const rate = (name: string, one: Measured | undefined, other: Measured | undefined, least: number): Target => {
    const perSecond = (one?.requestsPerSecond ?? 0) / (other?.requestsPerSecond ?? 0);
    const perCoreSecond = (one?.perCoreSecond ?? 0) / (other?.perCoreSecond ?? 0);
    const { reached } = atLeast(name, isDisturbed(other) ? perCoreSecond : perSecond, least);
    return { name, wanted: `at least ${least}`, value: perSecond, perCoreSecond, reached };
  };
  const targets = [
    rate('/auth/verify: rate of raw node:http', verify, raw, 0.45),
    atMost("/auth/verify: p99 of Koa's", (verify?.p99Ms ?? Number.NaN) / (koa?.p99Ms ?? Number.NaN), 3),
    rate("introspection: rate of oidc-provider's", introspect, oidc, 3),
    rate('/auth/verify: rate with access tokens, of that with static ones', access, verify, 0.95),
    rate("refresh: rate of oidc-provider's, in memory", refresh, oidcRefresh, 0.6),
    rate("client credentials: rate of oidc-provider's, in memory", client, oidcClient, 0.6),
    rate('gateway: rate of a bare node:http proxy', gateway, proxy, 0.8),
    ...(many ? [rate('/auth/verify: rate with many stored, of that with few', many, verify, 0.9)] : []),
    ...(pages.length === 0
      ? []
      : [atMost('slowest page, 95th of 100, ms', Math.max(...pages.map(({ p95Ms }) => p95Ms)), 50)]),
    atMost('most memory, MB', peakMemoryBytes / MEGABYTE, 400),
    atMost('cold start, s', coldStartMs / 1000, 2),
    atMost(
      'failed requests',
      measured.reduce((sum, { failed }) => sum + failed, 0),
      0,
    ),
  ];
  // What was left out by --only.
  return targets.filter(({ value }) => !Number.isNaN(value));
}

/** What we are compared with waits for nothing: where it did not get its core, other work on the machine had it. */
function isDisturbed(comparison: Measured | undefined): boolean {
  return comparison !== undefined && comparison.busy < FULL_CORE;
}

function find(measured: Measured[], start: string): Measured | undefined {
  return measured.find(({ name }) => name.startsWith(start));
}

export function render(report: Report): string {
  const { node, engine, credentials, connections, seconds, generator, pinned, measured, pages, targets } = report;
  const place = pinned ? 'each server on one core, the load on the other' : 'not pinned to cores (taskset is missing)';
  const [raw] = measured;
  return [
    '',
    `Node ${node}, ${engine}, ${credentials.toLocaleString('en-US')} credentials stored; ${place}.`,
    `${connections} connections from ${generator}, ${seconds} s each in turns; medians.`,
    '',
    ...(measured.length === 0
      ? []
      : [
          table(
            ['', 'requests/s', 'of raw', 'p50 ms', 'p99 ms', 'core', 'per core s', 'MB', 'failed'],
            measured.map((one) => [
              one.name,
              Math.round(one.requestsPerSecond).toLocaleString('en-US'),
              (one.requestsPerSecond / (raw?.requestsPerSecond ?? Number.NaN)).toFixed(2),
              one.p50Ms.toFixed(2),
              one.p99Ms.toFixed(2),
              `${Math.round(one.busy * 100)} %`,
              Math.round(one.perCoreSecond).toLocaleString('en-US'),
              Math.round(one.memoryBytes / MEGABYTE).toString(),
              one.failed.toString(),
            ]),
          ),
          '',
        ]),
    ...(pages.length === 0
      ? []
      : [
          table(
            ['/dashboard, 10,000 organizations', 'p50 ms', 'p95 ms'],
            pages.map(({ path, p50Ms, p95Ms }) => [path, p50Ms.toFixed(1), p95Ms.toFixed(1)]),
          ),
          '',
        ]),
    table(
      ['', 'measured', '(per core s)', 'wanted', ''],
      targets.map(({ name, value, perCoreSecond, wanted, reached }) => [
        name,
        Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 0),
        perCoreSecond === undefined ? '' : `(${perCoreSecond.toFixed(2)})`,
        wanted,
        reached ? 'reached' : 'missed',
      ]),
    ),
    '',
    ...(measured.some((one) => !/^(?:\/|gateway|refresh|client)/.test(one.name) && isDisturbed(one))
      ? [
          'Something else used the cores meanwhile. Where the one compared with got less than 90 % of its core, the ratio of',
          'requests per second of processor time (in brackets) is the one that counts.',
          '',
        ]
      : []),
  ].join('\n');
}

/** The first column to the left, the others to the right. */
export function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
