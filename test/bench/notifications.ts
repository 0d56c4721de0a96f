/**
 * How many notices a second get into the queue, how many leave it, and what they take from verification; all in one process on SQLite.
 *
 * A notice is one message to one target: each change (an organization that is created through the API) makes one for each of four webhooks.
 * "Into the queue" is counted from the first request until the last notice is stored or delivered, "delivered" until the last one is: so both
 * have the cost of the requests in them, and deliveries go on while notices come in.
 *
 * Verification is measured three times under the same load: alone, with so many changes a second that nobody is told of, and with the same
 * changes told to the webhooks. The last two are compared, since changes cost the same with and without notices: by the requests that are
 * verified for each second of the server's processor time, of which what else runs on the machine takes nothing. Rates and latencies, which
 * have the waits for the disk in them too, stand beside it.
 */
import { Pool } from 'undici';
import { type Load, type LoadRequest, load } from './load.ts';
import { LOAD_CORE, type PinnedProcess, startPinned } from './pinned-process.ts';

export interface MeasuredNotifications {
  notices: number;
  queuedPerSecond: number;
  deliveredPerSecond: number;
  /** Of the server's processor, for a notice with its share of a change. */
  processorMsPerNotice: number;
  alone: Verified;
  /** With changes that nobody is told of. */
  untold: Verified;
  /** With as many changes that are told. */
  told: Verified;
  changesPerSecond: number;
  toldPerSecond: number;
}

interface Verified extends Load {
  perProcessorSecond: number;
}

const TARGETS = 4;
const WANTED_QUEUED = 1000;
const WANTED_DELIVERED = 200;
/** Of what is verified with the same changes: more than this is not noise. */
const WANTED_SHARE = 0.9;
const AT_ONCE = 64;
const PATIENCE_MS = 120_000;

export async function measureNotifications(options: {
  env: Record<string, string>;
  ownerKey: string;
  notices: number;
  seconds: number;
  say: (text: string) => void;
}): Promise<MeasuredNotifications> {
  const { env, ownerKey, seconds, say } = options;
  const changes = Math.ceil(options.notices / TARGETS);
  const notices = changes * TARGETS;
  const receiver = await startPinned(['--import', 'tsx', 'test/bench/comparisons.ts', 'raw'], {}, LOAD_CORE);
  const latchkey = await startPinned(['dist/main.js'], { ...env, LATCHKEY_UPSTREAM_ALLOW: '127.0.0.0/8' });
  const pool = new Pool(latchkey.url, { connections: AT_ONCE });
  const post = async (path: string, body: object): Promise<Answer> => {
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: `/api/v1${path}`,
      headers: { authorization: `Bearer ${ownerKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (statusCode !== 201) throw new Error(`POST ${path}: ${statusCode} ${text.slice(0, 200)}`);
    return JSON.parse(text) as Answer;
  };
  const change = () => post('/organizations', { name: 'Northwind Traders' });

  async function verified(verify: LoadRequest): Promise<Verified> {
    const before = latchkey.processorSeconds();
    const measured = await load(latchkey.url, [verify], seconds);
    return { ...measured, perProcessorSecond: measured.requests / (latchkey.processorSeconds() - before) };
  }

  /** Verification with so many changes a second, and how many of their notices were delivered in that time. */
  async function besideChanges(verify: LoadRequest): Promise<{ load: Verified; delivered: number; changed: number }> {
    let isOver = false;
    let changed = 0;
    const pacing = (async () => {
      for (let sent = 0, from = performance.now(); !isOver; sent++) {
        void change().then(
          () => changed++,
          () => undefined,
        );
        const aheadMs = from + (sent * 1000 * TARGETS) / WANTED_DELIVERED - performance.now();
        if (aheadMs > 0) await pause(aheadMs);
      }
    })();
    const before = { ...(await counts(pool)), changed };
    const measured = await verified(verify);
    const after = { ...(await counts(pool)), changed };
    isOver = true;
    await pacing;
    return { load: measured, delivered: after.delivered - before.delivered, changed: after.changed - before.changed };
  }

  try {
    const verify = await verifyRequest(post);
    await load(latchkey.url, [verify], 3);
    say('measuring verification alone');
    const alone = await verified(verify);
    say('measuring verification with changes that nobody is told of');
    const untold = await besideChanges(verify);

    for (let n = 1; n <= TARGETS; n++)
      await post('/webhooks', { url: `${receiver.url}/hook-${n}`, events: ['organization.*'] });
    say(`telling ${changes} changes to ${TARGETS} webhooks`);
    const rates = await measureQueue(latchkey, pool, changes, notices, change);
    say('measuring verification with changes that are told');
    const told = await besideChanges(verify);
    return {
      notices,
      ...rates,
      alone,
      untold: untold.load,
      told: told.load,
      changesPerSecond: told.changed / seconds,
      toldPerSecond: told.delivered / seconds,
    };
  } finally {
    await pool.close();
    await Promise.all([latchkey.stop(), receiver.stop()]);
  }
}

async function measureQueue(
  latchkey: PinnedProcess,
  pool: Pool,
  changes: number,
  notices: number,
  change: () => Promise<Answer>,
) {
  const startedAt = performance.now();
  const processorSeconds = latchkey.processorSeconds();
  let queuedMs = 0;
  let left = changes;
  const lane = async () => {
    while (left-- > 0) await change();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  for (;;) {
    const { delivered, pending } = await counts(pool);
    if (queuedMs === 0 && delivered + pending >= notices) queuedMs = performance.now() - startedAt;
    if (delivered >= notices) break;
    if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`${delivered} of ${notices} were delivered`);
    await pause(100);
  }
  return {
    queuedPerSecond: (notices * 1000) / queuedMs,
    deliveredPerSecond: (notices * 1000) / (performance.now() - startedAt),
    processorMsPerNotice: ((latchkey.processorSeconds() - processorSeconds) * 1000) / notices,
  };
}

async function verifyRequest(post: (path: string, body: object) => Promise<Answer>): Promise<LoadRequest> {
  const { id: organizationId } = (await post('/organizations', { name: 'Verified' })) as unknown as { id: string };
  const { id } = (await post('/directories', { organizationId, name: 'Okta' })) as unknown as { id: string };
  const { token } = (await post(`/directories/${id}/credentials`, {})) as unknown as { token: string };
  return { method: 'GET', path: `/auth/verify?directory=${id}`, headers: { authorization: `Bearer ${token}` } };
}
type Answer = Record<string, Record<string, string>>;

async function counts(pool: Pool): Promise<{ delivered: number; pending: number }> {
  const { body } = await pool.request({ method: 'GET', path: '/metrics' });
  const text = await body.text();
  const of = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    delivered: of(/^latchkey_deliveries_total\{[^}]*target="webhook"[^}]*outcome="delivered"[^}]*\} (\d+)/m),
    pending: of(/^latchkey_deliveries_pending (\d+)/m),
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function renderNotifications(measured: MeasuredNotifications): string {
  const { notices, queuedPerSecond, deliveredPerSecond, processorMsPerNotice, alone, untold, told } = measured;
  const share = told.perProcessorSecond / untold.perProcessorSecond;
  const line = (isMet: boolean, text: string) => `${isMet ? 'met    ' : 'missed '} ${text}`;
  const round = (value: number) => Math.round(value).toLocaleString('en');
  const shown = ({ requestsPerSecond, perProcessorSecond, p50Ms, p99Ms }: Verified) =>
    `${round(perProcessorSecond)} for a second of processor time; ${round(requestsPerSecond)} a second, ${p50Ms} ms at the median, ${p99Ms} ms at 99 %`;
  const changes = `${round(measured.changesPerSecond)} changes a second`;
  return [
    `${round(notices)} notices, of changes told to ${TARGETS} webhooks each; ${processorMsPerNotice.toFixed(2)} ms of processor time for one`,
    line(
      queuedPerSecond >= WANTED_QUEUED,
      `into the queue: ${round(queuedPerSecond)} a second (wanted ${WANTED_QUEUED})`,
    ),
    line(
      deliveredPerSecond >= WANTED_DELIVERED,
      `delivered: ${round(deliveredPerSecond)} a second (wanted ${WANTED_DELIVERED})`,
    ),
    line(
      share >= WANTED_SHARE,
      `verification with ${round(measured.toldPerSecond)} deliveries a second: ${Math.round(share * 100)} % of what it is without them, for the same processor time (wanted ${WANTED_SHARE * 100} %)`,
    ),
    `        alone: ${shown(alone)}`,
    `        with ${changes}: ${shown(untold)}`,
    `        with ${changes}, told: ${shown(told)}`,
  ].join('\n');
}
