/** What was measured, against what is to be reached; as a table for people and as JSON. */

import type { Growth } from './growth.ts';
import type { MeasuredPage } from './pages.ts';

export interface Measured {
  group: string;
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
  /** For ratios: whether requests are counted per second, or per second of processor time. */
  by?: 'second' | 'core second' | 'nothing';
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
  growth: Growth[];
  coldStartMs: number;
  memoryBytes: number;
  peakMemoryBytes: number;
  /** What 5,000 idle connections take; undefined when that was not measured. */
  idleConnectionBytes?: number | undefined;
  targets: Target[];
}

const MEGABYTE = 1024 * 1024;
const FULL_CORE = 0.9;

export function targetsOf(report: Report): Target[] {
  const { measured, pages, coldStartMs, peakMemoryBytes, idleConnectionBytes } = report;
  const find = (start: string) => measured.find(({ name }) => name.startsWith(start));
  const atLeast = (name: string, value: number, least: number): Target => {
    return { name, wanted: `at least ${least}`, value, reached: value >= least };
  };
  const atMost = (name: string, value: number, most: number): Target => {
    return { name, wanted: `at most ${most}`, value, reached: value <= most };
  };
  const rate = (name: string, one: Measured | undefined, other: Measured | undefined, least: number): Target => {
    // Left out by --only.
    if (!one || !other) return atLeast(name, Number.NaN, least);
    const { ratio, by } = compared(one, other);
    return { ...atLeast(name, ratio, least), by };
  };
  const [verify, koa] = [find('/auth/verify'), find('Koa')];
  const introspect = find('/oauth/introspect');
  const many = find('/auth/verify,');
  const targets = [
    rate('/auth/verify: rate of raw node:http with the same bytes', verify, find('raw node:http, same bytes'), 0.75),
    rate('/auth/verify: rate of raw node:http with a constant answer', verify, find('raw node:http, constant'), 0.62),
    atMost("/auth/verify: p99 of Koa's", (verify?.p99Ms ?? Number.NaN) / (koa?.p99Ms ?? Number.NaN), 2),
    rate('/auth/verify: rate with access tokens, of that with static ones', find('/auth/verify of'), verify, 0.95),
    ...(many ? [rate('/auth/verify: rate with many stored, of that with few', many, verify, 0.9)] : []),
    rate('introspection: rate of a raw POST with the same bytes', introspect, find('raw node:http, POST'), 0.45),
    rate("introspection: rate of oidc-provider's", introspect, find("oidc-provider's introspection"), 3),
    rate("refresh: rate of oidc-provider's, in memory", find('refresh'), find("oidc-provider's refresh"), 1),
    rate(
      "client credentials: rate of oidc-provider's, in memory",
      find('client credentials'),
      find("oidc-provider's client"),
      1,
    ),
    rate('gateway: rate of a bare node:http proxy', find('gateway /'), find('bare node:http proxy'), 0.92),
    rate('gateway: rate with gzip bodies', find('gateway of gzip'), find('bare node:http proxy, gzip'), 0.6),
    atLeast(
      'two workers on two cores of their own: rate of one',
      (2 * (find('two workers')?.perCoreSecond ?? Number.NaN)) / (find('one worker')?.perCoreSecond ?? Number.NaN),
      1.8,
    ),
    ...(pages.length === 0
      ? []
      : [atMost('slowest page, 95th of 100, ms', Math.max(...pages.map(({ p95Ms }) => p95Ms)), 50)]),
    atMost('5,000 idle connections, MB', (idleConnectionBytes ?? Number.NaN) / MEGABYTE, 60),
    atMost('most memory, MB', (peakMemoryBytes || Number.NaN) / MEGABYTE, 400),
    atMost('cold start, s', (coldStartMs || Number.NaN) / 1000, 2),
    atMost(
      'failed requests',
      measured.reduce((sum, { failed }) => sum + failed, 0),
      0,
    ),
  ];
  // What was left out by --only.
  return targets.filter(({ value }) => !Number.isNaN(value));
}

/**
 * By what two servers can be compared. A server that had its core for itself shows in a second what it can do. One that waited for the load,
 * or shared its core, is judged by the processor time that it used, where the kernel tells that.
 */
function measureOf(one: Measured, other: Measured): 'second' | 'core second' | 'nothing' {
  if (one.busy >= FULL_CORE && other.busy >= FULL_CORE) return 'second';
  return one.busy > 0 && other.busy > 0 ? 'core second' : 'nothing';
}

/** Whether the run says anything: nothing failed, and of each server there is a measure. */
export function isSound({ measured }: Report): boolean {
  return measured.every(({ failed, busy }) => failed === 0 && busy > 0);
}

function compared(one: Measured, other: Measured): { ratio: number; by: 'second' | 'core second' | 'nothing' } {
  const by = measureOf(one, other);
  const ratio =
    by === 'second' ? one.requestsPerSecond / other.requestsPerSecond : one.perCoreSecond / other.perCoreSecond;
  return { ratio, by };
}

/** Of the first of its group. */
export function ratioOf(one: Measured, measured: readonly Measured[]): number {
  return compared(one, measured.find(({ group }) => group === one.group) ?? one).ratio;
}

export function render(report: Report): string {
  const { node, engine, credentials, connections, seconds, generator, pinned, measured, pages, growth, targets } =
    report;
  const place = pinned ? 'each server on one core, the load on the other' : 'not pinned to cores (taskset is missing)';
  const isShared = targets.some(({ by }) => by === 'core second');
  return [
    '',
    `Node ${node}, ${engine}, ${count(credentials)} credentials stored; ${place}.`,
    `${connections} connections from ${generator}, ${seconds} s each in turns; medians.`,
    '',
    ...(measured.length === 0
      ? []
      : [
          table(
            ['', 'requests/s', 'p50 ms', 'p99 ms', 'core', 'per core s', 'of first', 'MB', 'failed'],
            measured.map((one) => [
              one.name,
              count(Math.round(one.requestsPerSecond)),
              one.p50Ms.toFixed(2),
              one.p99Ms.toFixed(2),
              `${Math.round(one.busy * 100)} %`,
              count(Math.round(one.perCoreSecond)),
              ratioOf(one, measured).toFixed(2),
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
    ...(growth.length === 0
      ? []
      : [
          table(
            ['credentials', 'directories', 'verify/core s', 'list ms', 'audit ms', 'home ms', 'start s', 'MB'],
            growth.map((one) => [
              count(one.credentials),
              count(one.directories),
              count(Math.round(one.verificationsPerCoreSecond)),
              one.listMs.toFixed(1),
              one.auditMs.toFixed(1),
              one.homeMs.toFixed(1),
              (one.startMs / 1000).toFixed(2),
              Math.round(one.memoryBytes / MEGABYTE).toString(),
            ]),
          ),
          '',
        ]),
    ...(targets.length === 0
      ? []
      : [
          table(
            ['', 'measured', 'per', 'wanted', ''],
            targets.map(({ name, value, by, wanted, reached }) => [
              name,
              Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 0),
              by ?? '',
              wanted,
              reached ? 'reached' : 'missed',
            ]),
          ),
          '',
        ]),
    ...(isShared
      ? [
          'Where a server had less than 90 % of its core, requests are counted per second of its processor time: the load',
          'ran out first, or other processes were running.',
          '',
        ]
      : []),
    ...(isSound(report)
      ? []
      : ['These figures say nothing: requests failed, or a server was not busy and its time is not known.', '']),
  ].join('\n');
}

function count(number: number): string {
  return number.toLocaleString('en-US');
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
