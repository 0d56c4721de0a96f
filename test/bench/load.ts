/**
 * Load from the other core. wrk where it is on PATH: it takes a fraction of its core and tells latencies in microseconds, so that what is
 * measured is the server. autocannon, which `npm ci` brings, is busier than a constant node:http answer: its figures for that one,
 * and so the ratios to it, are its own limit; the report says which of the two was used.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOAD_CORE, spawnOn } from './pinned-process.ts';

export const CONNECTIONS = 50;

export interface LoadRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Load {
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers that were not 2xx or 3xx, and requests that had none. */
  failed: number;
}

export const generator = onPath('wrk') ? 'wrk' : 'autocannon';

function onPath(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Sends `requests` round and round over 50 connections for so many seconds. */
export async function load(url: string, requests: readonly LoadRequest[], seconds: number): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  try {
    const [command, args] =
      generator === 'wrk' ? wrk(folder, url, requests, seconds) : autocannon(folder, url, requests, seconds);
    const output = await run(command, args);
    return JSON.parse(output.slice(output.indexOf('{"requests"'))) as Load;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawnOn(LOAD_CORE, command, args);
    let output = '';
    let complaints = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      complaints += chunk;
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command} ended with ${code}:\n${output}${complaints}`)),
    );
  });
}

function wrk(folder: string, url: string, requests: readonly LoadRequest[], seconds: number): [string, string[]] {
  const script = join(folder, 'requests.lua');
  const lines = requests.map(({ method, path, headers, body }) => {
    const pairs = Object.entries(headers).map(([name, value]) => `[${lua(name)}] = ${lua(value)}`);
    return `    wrk.format(${lua(method)}, ${lua(path)}, {${pairs.join(', ')}}, ${body === undefined ? 'nil' : lua(body)}),`;
  });
  // Formatted in init, since the Host header is not known before.
  writeFileSync(
    script,
    `local requests, next = nil, 0
function init()
  requests = {
${lines.join('\n')}
  }
end
function request()
  next = next % #requests + 1
  return requests[next]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests": %d, "requestsPerSecond": %.1f, "p50Ms": %.3f, "p99Ms": %.3f, "failed": %d}',
    summary.requests, summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status + e.connect + e.read + e.write + e.timeout))
end
`,
  );
  return ['wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url]];
}

function lua(text: string): string {
  return JSON.stringify(text);
}

function autocannon(
  folder: string,
  url: string,
  requests: readonly LoadRequest[],
  seconds: number,
): [string, string[]] {
  const order = join(folder, 'requests.json');
  writeFileSync(order, JSON.stringify({ url, requests, seconds, connections: CONNECTIONS }));
  return [process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'autocannon-load.ts'), order]];
}
