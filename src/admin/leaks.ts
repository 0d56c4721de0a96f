/**
 * Takes reports of leaked tokens in the format of GitHub's secret scanning partner program: an array, signed with ECDSA P-256 over the raw
 * body by a key of a pinned list. Each token of ours is flagged or revoked, by policy, and its organization hears of it by an event. The value is kept
 * nowhere. A report that comes again within its window gets the same answer, and nothing is done twice.
 */
import { createHash, createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import type { Middleware } from 'koa';
import { z } from 'zod';
import { type Attribution, type Audit, SYSTEM } from '../audit/index.ts';
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import { type Credentials, stateAt } from '../credentials/index.ts';
import { AppError, asAppError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { sendProblem } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Log } from '../log.ts';
import { isDuplicate, json, type Storage } from '../storage/index.ts';
import { parseAuthorization, unknownValue, type Verification } from '../verification/index.ts';

const LEAK_ACTIONS = ['off', 'flag', 'revoke'] as const;
export type LeakAction = (typeof LEAK_ACTIONS)[number];

export const LEAKS_PATH = '/api/v1/leaks';
const MOST_BYTES = 512 * 1024;
const MOST_REPORTED = 200;
const WINDOW_MS = 7 * DAY_MS;
const KEYS_AGE_MS = HOUR_MS;
/** A key that is not in the list makes us fetch it again, at most this often, no matter who asks. */
const KEYS_PAUSE_MS = 60_000;
const KEYS_TIMEOUT_MS = 5000;
const MOST_KEY_BYTES = 64 * 1024;
const KEY_ID = /^[0-9a-zA-Z._-]{1,128}$/;

export const LEAK_REPORTS = z
  .array(
    z.object({
      token: z.string().min(1).max(5000),
      type: z.string().max(60),
      url: z.string().max(4000).optional(),
      source: z.string().max(60).optional(),
    }),
  )
  .max(MOST_REPORTED);
type Report = z.infer<typeof LEAK_REPORTS>[number];

const keyList = z.object({
  public_keys: z.array(z.object({ key_identifier: z.string().max(128), key: z.string().max(4000) })).max(50),
});

export const LEAK_VERDICTS = z.array(
  z.object({
    token_hash: z.string().describe('SHA-256 of the value, in hex.'),
    token_type: z.string(),
    label: z.enum(['true_positive', 'false_positive']),
  }),
);
type Verdict = z.infer<typeof LEAK_VERDICTS>[number];

/** Keys by their identifiers, of a list in GitHub's format. Throws a TypeError for another text. */
function readLeakKeys(text: string): ReadonlyMap<string, KeyObject> {
  const parsed = keyList.safeParse(parsedJson(text));
  if (!parsed.success) throw new TypeError('it is not a list of public keys');
  return new Map(
    parsed.data.public_keys.map(({ key_identifier, key }) => {
      const made = createPublicKey(key);
      if (made.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
        throw new TypeError('a key is not of the curve P-256');
      return [key_identifier, made];
    }),
  );
}

export interface LeakDependencies {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  log: Log;
  context: RequestContext;
  credentials: Pick<Credentials, 'revoke'>;
  verification: Pick<Verification, 'findKnown' | 'limitCaller'>;
  leaks: {
    action: LeakAction;
    /** Where the list of keys is; used where none are given. */
    keysUrl: string;
    keys?: string | undefined;
    fetch: typeof fetch;
  };
}

export function createLeaks(deps: LeakDependencies): Middleware {
  const { storage, audit, clock, log, context, credentials, verification, leaks } = deps;
  const answered = storage.collection({
    name: 'leak_reports',
    shape: { answer: json<Verdict[]>(), at: 'date', expiresAt: 'date' },
    keys: {},
    order: 'at',
    expires: 'expiresAt',
  });
  const given = leaks.keys === undefined ? undefined : readLeakKeys(leaks.keys);
  let known: { keys: ReadonlyMap<string, KeyObject>; at: number } = { keys: new Map(), at: Number.NEGATIVE_INFINITY };
  let fetching: Promise<void> | undefined;

  async function findKey(id: string): Promise<KeyObject | undefined> {
    if (given) return given.get(id);
    const ageMs = clock.monotonicMs() - known.at;
    if (ageMs >= KEYS_AGE_MS || (!known.keys.has(id) && ageMs >= KEYS_PAUSE_MS)) {
      fetching ??= fetchKeys().finally(() => {
        fetching = undefined;
      });
      await fetching;
    }
    return known.keys.get(id);
  }

  async function fetchKeys(): Promise<void> {
    try {
      const response = await leaks.fetch(leaks.keysUrl, {
        redirect: 'error',
        headers: { accept: 'application/json', 'user-agent': 'Latchkey' },
        signal: AbortSignal.timeout(KEYS_TIMEOUT_MS),
      });
      if (!response.ok) await response.body?.cancel();
      const text = response.ok ? await response.text() : '';
      if (!response.ok || text.length > MOST_KEY_BYTES)
        throw new Error(`the response with the keys has status ${response.status}`);
      known = { keys: readLeakKeys(text), at: clock.monotonicMs() };
    } catch (error) {
      log.warn({ err: error }, 'the keys for leak reports could not be fetched');
      // Keys that were good go on being so; the next try waits for the pause.
      known = { ...known, at: clock.monotonicMs() - KEYS_AGE_MS + KEYS_PAUSE_MS };
      if (known.keys.size === 0) throw new AppError('storage_unavailable', {}, { cause: error });
    }
  }

  async function assertSigned(headers: (name: string) => string, body: string): Promise<void> {
    const id = headers('github-public-key-identifier');
    const signature = headers('github-public-key-signature');
    const key = KEY_ID.test(id) && /^[A-Za-z0-9+/=]{60,200}$/.test(signature) ? await findKey(id) : undefined;
    const isRight = key && createVerify('SHA256').update(body).verify(key, signature, 'base64');
    if (!isRight) {
      const detail =
        'The report is not signed with a key that we recognize. Github-Public-Key-Identifier must contain the key ID, and Github-Public-Key-Signature the signature of the raw body.';
      throw new AppError('signature_invalid', { detail });
    }
  }

  async function judge({ token, type, url, source }: Report, attribution: Attribution): Promise<Verdict[]> {
    const verdict = (label: Verdict['label']): Verdict[] => [
      { token_hash: createHash('sha256').update(token).digest('hex'), token_type: type, label },
    ];
    const presented = parseAuthorization(token);
    const found = presented.kind === 'token' ? await verification.findKnown(presented.value) : undefined;
    if (!found) {
      const { subReason } = unknownValue(token, true);
      // It may be another secret of ours, which is not looked up here.
      return subReason === 'token_unknown' || subReason === 'access_token_unknown' || presented.kind === 'malformed'
        ? verdict('false_positive')
        : [];
    }
    const { id, kind, slot, hint, label, organizationId, directoryId } = found.credential;
    const state = stateAt(found.credential, clock.now());
    const isLive = state === 'active' || state === 'disabled' || state === 'pending';
    const action: 'none' | 'revoked' | 'flagged' = !isLive ? 'none' : leaks.action === 'revoke' ? 'revoked' : 'flagged';
    const subject = { organizationId, directoryId, credentialId: id };
    const data = { kind, slot, hint, label, state, action, source, url: url === undefined ? undefined : placeOf(url) };
    await audit.append(audit.event('credential.leaked', attribution, subject, data));
    if (action === 'revoked')
      await credentials.revoke(id, { reason: 'its value was published', force: true }, attribution);
    return verdict('true_positive');
  }

  async function answer(body: string, requestId: string, address: string): Promise<Verdict[]> {
    const id = createHash('sha256').update(body).digest('hex');
    const earlier = await answered.find(id);
    if (earlier) return earlier.answer;
    const parsed = LEAK_REPORTS.safeParse(parsedJson(body));
    if (!parsed.success) {
      const detail = `The body must be an array of at most ${MOST_REPORTED} objects with token, type, url and source.`;
      throw new AppError('invalid_request', { detail });
    }
    const attribution: Attribution = { ...SYSTEM, source: 'api', requestId, address };
    const verdicts: Verdict[] = [];
    for (const report of parsed.data) verdicts.push(...(await judge(report, attribution)));
    const now = clock.now();
    const record = { id, answer: verdicts, at: now, expiresAt: new Date(now.getTime() + WINDOW_MS) };
    await answered.insert(record).catch((error: unknown) => {
      if (!isDuplicate(error, 'id')) throw error;
    });
    return verdicts;
  }

  return async function takeLeaks(koa, next) {
    if (koa.path !== LEAKS_PATH) return next();
    const requestId = context.requestIdOf(koa.req);
    const address = context.addressOf(koa.req);
    koa.set('X-Request-Id', requestId);
    try {
      if (koa.method !== 'POST') {
        koa.set('Allow', 'POST');
        throw new AppError('method_not_allowed', { allowed: ['POST'] });
      }
      if (leaks.action === 'off') {
        const detail = 'Leak reports are off. To turn them on, set LATCHKEY_LEAK_ACTION.';
        throw new AppError('not_found', { detail });
      }
      const body = await readBody(koa.req, MOST_BYTES);
      await assertSigned((name) => koa.get(name), body).catch((error: unknown) => {
        const wait = verification.limitCaller(address);
        if (wait === undefined) throw error;
        throw new AppError('rate_limited', { retryAfterSeconds: wait });
      });
      koa.set('Cache-Control', 'no-store');
      koa.body = await answer(body, requestId, address);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) log.error({ err: thrown, requestId }, 'a leak report failed');
      koa.respond = false;
      sendProblem(koa.res, error, requestId);
    }
  };
}

/** Where it was found, without a query or fragment, which may hold it again. */
function placeOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin + new URL(url).pathname : '';
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
