/** autocannon in a process of its own, so that it can be held to a core: reads its order from a file and prints a Load as JSON. */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import type { Load, LoadRequest } from './load.ts';

const order = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as {
  url: string;
  requests: LoadRequest[];
  seconds: number;
  connections: number;
};
const { requests, latency, duration, non2xx, errors, timeouts } = await autocannon({
  url: order.url,
  connections: order.connections,
  duration: order.seconds,
  requests: order.requests,
});
const load: Load = {
  requests: requests.total,
  requestsPerSecond: requests.total / duration,
  p50Ms: latency.p50,
  p99Ms: latency.p99,
  failed: non2xx + errors + timeouts,
};
console.log(JSON.stringify(load));
