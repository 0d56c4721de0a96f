/** How many notices a second get into the queue, how many leave it, and what that takes from verification; all in one process on SQLite. */
import { Pool } from 'undici';
import { type Load, type LoadRequest, load } from './load.ts';
import { LOAD_CORE, startPinned } from './pinned-process.ts';

export interface MeasuredNotifications {
  notices: number;
  /** From the first change until each was in the queue, and until each was delivered. */
  queuedPerSecond: number;
  deliveredPerSecond: number;
  alone: Load;
  /** With so many changes a second, each of them delivered to a webhook. */
  beside: Load;
  besidePerSecond: number;
}

const WANTED_QUEUED = 1000;
const WANTED_DELIVERED = 200;
/** Of the rate that verification has alone: more than this is not noise. */
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
  const { env, ownerKey, notices, seconds, say } = options;
  const receiver = await startPinned(['--import', 'tsx', 'test/bench/comparisons.ts', 'raw'], {}, LOAD_CORE);
  const latchkey = await startPinned(['dist/main.js'], { ...env, LATCHKEY_UPSTREAM_ALLOW: '127.0.0.0/8' });
  const pool = new Pool(latchkey.url, { connections: AT_ONCE });
  const post = async (path: string, body: object): Promise<Record<string, Record<string, string>>> => {
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: `/api/v1${path}`,
      headers: { authorization: `Bearer ${ownerKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (statusCode !== 201) throw new Error(`POST ${path}: ${statusCode} ${text.slice(0, 200)}`);
    return JSON.parse(text) as Record<string, Record<string, string>>;
  };
  const change = () => post('/organizations', { name: 'Northwind Traders' });
  try {
    const verify = await verifyRequest(post);
    await load(latchkey.url, [verify], 3);
    say('measuring verification alone');
    const alone = await load(latchkey.url, [verify], seconds);
    await post('/webhooks', { url: `${receiver.url}/hook`, events: ['organization.*'] });

    say(`telling ${notices} changes`);
    const startedAt = performance.now();
    let queuedMs = 0;
    let left = notices;
    const lane = async () => {
      while (left-- > 0) await change();
    };
    const changing = Promise.all(Array.from({ length: AT_ONCE }, lane));
    await changing;
    for (;;) {
      const { delivered, pending } = await counts(pool);
      if (queuedMs === 0 && delivered + pending >= notices) queuedMs = performance.now() - startedAt;
      if (delivered >= notices) break;
      if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`${delivered} of ${notices} were delivered`);
      await pause(100);
    }
    const deliveredMs = performance.now() - startedAt;

    say('measuring verification beside it');
    const before = await counts(pool);
    let isOver = false;
    const pacing = (async () => {
      for (let sent = 0, from = performance.now(); !isOver; sent++) {
        void change().catch(() => undefined);
        const aheadMs = from + (sent * 1000) / WANTED_DELIVERED - performance.now();
        if (aheadMs > 0) await pause(aheadMs);
      }
    })();
    const beside = await load(latchkey.url, [verify], seconds);
    const during = await counts(pool);
    isOver = true;
    await pacing;
    return {
      notices,
      queuedPerSecond: (notices * 1000) / queuedMs,
      deliveredPerSecond: (notices * 1000) / deliveredMs,
      alone,
      beside,
      besidePerSecond: (during.delivered - before.delivered) / seconds,
    };
  } finally {
    await pool.close();
    await Promise.all([latchkey.stop(), receiver.stop()]);
  }
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
  const { notices, queuedPerSecond, deliveredPerSecond, alone, beside, besidePerSecond } = measured;
  const share = beside.requestsPerSecond / alone.requestsPerSecond;
  const line = (isMet: boolean, text: string) => `${isMet ? 'met    ' : 'missed '} ${text}`;
  return [
    `${notices} changes, each told to one webhook`,
    line(
      queuedPerSecond >= WANTED_QUEUED,
      `into the queue: ${Math.round(queuedPerSecond)} a second (wanted ${WANTED_QUEUED})`,
    ),
    line(
      deliveredPerSecond >= WANTED_DELIVERED,
      `delivered: ${Math.round(deliveredPerSecond)} a second (wanted ${WANTED_DELIVERED})`,
    ),
    line(
      share >= WANTED_SHARE,
      `verification beside ${Math.round(besidePerSecond)} deliveries a second: ${Math.round(beside.requestsPerSecond)} a second, ${Math.round(share * 100)} % of ${Math.round(alone.requestsPerSecond)} alone (wanted ${WANTED_SHARE * 100} %)`,
    ),
  ].join('\n');
}
