/** Turns the table of operations into Koa routes: who calls, may they, is the request valid, and what goes back. */
import { hash } from 'node:crypto';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { z } from 'zod';
import { isWithinReach, keyRolesFor, mayRole } from '../access.ts';
import type { Attribution } from '../audit/index.ts';
import type { ApiKey } from '../credentials/index.ts';
import { AppError, asAppError, isAppError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { headersOf, problemOf } from '../http/error-responses.ts';
import { assertPlainText } from '../http/plain-text.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Idempotency } from '../idempotency/index.ts';
import type { Log } from '../log.ts';
import { holdsSecret, withoutUnguessable } from '../secrets/redaction.ts';
import { type Allowance, createAllowance } from '../timing/deadline.ts';
import { readApiKey } from '../verification/index.ts';
import type { Caller, Operation, Reply } from './operation.ts';

const PREFIX = '/api/v1';
const BODY_LIMIT_BYTES = 256 * 1024;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
/** Fields whose value is never repeated in an error. */
const SECRET_FIELD = /token|secret|sha256|key$|jwks/i;

export interface RouterDependencies {
  operations: readonly Operation[];
  idempotency: Idempotency;
  context: RequestContext;
  log: Log;
  /** The API key of a presented value. */
  findCaller: (value: string) => ApiKey | undefined | Promise<ApiKey | undefined>;
  /** Counts a refused call; gives the seconds to wait when there were too many. */
  limitCaller: (address: string) => number | undefined;
  /** Seconds to wait for an address that is not looked at any more. */
  waitOfCaller: (address: string) => number | undefined;
  spareCaller: (address: string) => void;
  /** What the store and a lease may cost one request in all. */
  answerMs: number;
  usedKey: (id: string, address: string, userAgent: string | undefined) => void;
}

export function createAdminRouter(deps: RouterDependencies): Middleware {
  const {
    operations,
    idempotency,
    context,
    log,
    findCaller,
    limitCaller,
    waitOfCaller,
    spareCaller,
    answerMs,
    usedKey,
  } = deps;
  const router = new Router({ prefix: PREFIX });
  for (const operation of operations) {
    router[operation.method](operation.path, (koa) => run(operation, koa, koa.params as Record<string, string>));
  }
  const routes = router.routes() as unknown as Middleware;
  /** An address of its own (`/clients/import`) is not one of those with an ID in that place. */
  const methodsOf = (path: string) => {
    const layers = router.match(path, '').path;
    const own = layers.filter((layer) => layer.path === path);
    return new Set((own.length > 0 ? own : layers).flatMap((layer) => layer.methods));
  };

  return async function admin(koa, next) {
    if (koa.path !== PREFIX && !koa.path.startsWith(`${PREFIX}/`)) return next();
    const requestId = context.requestIdOf(koa.req);
    koa.state['requestId'] = requestId;
    koa.set({ 'X-Request-Id': requestId, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
    try {
      const allowance = createAllowance(answerMs);
      koa.state['allowance'] = allowance;
      await allowance.spend(authenticate(koa));
      await routes(koa, async () => {
        const allowed = [...methodsOf(koa.path)].filter((method) => method !== 'HEAD');
        if (allowed.length === 0)
          throw new AppError('not_found', { detail: `There is no ${koa.method} ${koa.path.slice(0, 200)}.` });
        koa.set('Allow', allowed.join(', '));
        throw new AppError('method_not_allowed', { allowed });
      });
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500)
        log.error({ err: thrown, requestId, cause: error.cause }, 'a request to the admin API failed');
      koa.set(headersOf(error));
      answer(koa, error.status, JSON.stringify(problemOf(error, requestId)), 'application/problem+json; charset=utf-8');
    }
  };

  async function authenticate(koa: Context): Promise<void> {
    const { value = '', id } = readApiKey(koa.get('authorization')) ?? {};
    const address = context.addressOf(koa.req);
    const wait = waitOfCaller(address);
    if (wait !== undefined) throw new AppError('rate_limited', { retryAfterSeconds: wait });
    const found = await findCaller(value);
    const apiKey = id === undefined || found?.id === id ? found : undefined;
    if (!apiKey) {
      const retryAfterSeconds = limitCaller(address);
      if (retryAfterSeconds !== undefined) throw new AppError('rate_limited', { retryAfterSeconds });
      koa.set('WWW-Authenticate', 'Bearer realm="latchkey"');
      throw new AppError('unauthenticated');
    }
    spareCaller(address);
    usedKey(apiKey.id, address, koa.get('user-agent') || undefined);
    koa.state['caller'] = { apiKey, organizationId: apiKey.organizationId } satisfies Caller;
  }

  async function run(operation: Operation, koa: Context, parameters: Record<string, string>): Promise<void> {
    const caller = koa.state['caller'] as Caller;
    const { apiKey } = caller;
    const requestId = koa.state['requestId'] as string;
    if (!mayRole(apiKey.role, operation.action))
      throw new AppError('forbidden', { role: apiKey.role, wanted: keyRolesFor(operation.action) });
    if (!isWithinReach(caller.organizationId, operation.action)) {
      const detail = `This API key is limited to ${caller.organizationId}. This operation is for all organizations.`;
      throw new AppError('forbidden', { detail });
    }
    const text = koa.method === 'GET' ? '' : await readBody(koa.req, BODY_LIMIT_BYTES);
    const body = operation.body && check(operation.body, parse(text, koa.get('content-type')), 'body');
    assertNoSecret(body);
    const query = operation.query && check(operation.query, parametersOf(koa), 'query');
    const allowance =
      operation.othersMs === undefined
        ? (koa.state['allowance'] as Allowance)
        : createAllowance(answerMs + operation.othersMs);
    const attribution: Attribution = {
      actor: { type: 'api_key', id: apiKey.id, name: apiKey.name },
      source: 'api',
      address: context.addressOf(koa.req),
      requestId,
      commit: allowance.commit,
    };
    const work = () => operation.handle({ id: parameters['id'] ?? '', parameters, query, body, caller, attribution });
    const key = koa.method === 'POST' ? koa.req.headers['idempotency-key'] : undefined;
    if (typeof key !== 'string') {
      const { body: shown, secret, text: plain } = await allowance.spend(work());
      if (plain) {
        answer(koa, operation.status, plain.content, plain.type);
        return;
      }
      answer(koa, operation.status, shown === undefined ? '' : JSON.stringify({ ...shown, ...secret }));
      return;
    }
    if (!IDEMPOTENCY_KEY.test(key)) {
      throw new AppError('invalid_request', { detail: 'Idempotency-Key: expected 1 to 255 visible ASCII characters.' });
    }
    // With the key, which is not kept, so that nobody finds by trying what a body held.
    const fingerprint = hash('sha256', `${key}\n${koa.method} ${koa.path}\n${text}`, 'hex');
    let secret: Reply['secret'];
    let shown = { status: 0, body: '' };
    const once = idempotency.once({ callerId: apiKey.id, key, fingerprint }, async () => {
      try {
        const reply = await work();
        secret = reply.secret;
        shown = { status: operation.status, body: reply.body === undefined ? '' : JSON.stringify(reply.body) };
      } catch (error) {
        // A refusal is an answer like any other, and is repeated; our own faults are not.
        if (!isAppError(error) || error.status >= 500) throw error;
        shown = { status: error.status, body: JSON.stringify(problemOf(error, requestId)) };
      }
      return shown;
    });
    const earlier = await allowance.spend(once);
    if (earlier) koa.set('Idempotency-Replayed', 'true');
    const { status, body: stored } = earlier?.replayed ?? shown;
    const whole = secret ? JSON.stringify({ ...(JSON.parse(stored) as object), ...secret }) : stored;
    answer(koa, status, whole, status >= 400 ? 'application/problem+json; charset=utf-8' : undefined);
  }
}

function answer(koa: Context, status: number, text: string, type = 'application/json; charset=utf-8'): void {
  koa.status = status;
  if (text === '') {
    koa.body = null;
    koa.status = status;
    return;
  }
  koa.type = type;
  koa.body = text;
}

/** An operation with a body may be called without one: nothing is an empty object. */
function parse(text: string, contentType: string): unknown {
  if (text.trim() === '') return {};
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) {
    throw new AppError('unsupported_media_type', { given: contentType.slice(0, 100) || null });
  }
  try {
    const value = JSON.parse(text) as unknown;
    assertPlainText(value);
    return value;
  } catch (error) {
    throw isAppError(error) ? error : new AppError('invalid_json', {}, { cause: error });
  }
}

function parametersOf(koa: Context): Record<string, string> {
  const found: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(koa.querystring)) {
    if (name in found)
      throw new AppError('invalid_request', {
        detail: `The parameter ${withoutUnguessable(name).slice(0, 50)} appears twice.`,
      });
    found[name] = value;
  }
  return { ...found };
}

function check(schema: z.ZodType, value: unknown, place: string): unknown {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const errors = error.issues.map((issue) => {
    const path = issue.path.map((step) => withoutUnguessable(String(step))).join('.');
    return {
      path: path === '' ? place : path,
      ...givenAt(value, issue.path),
      wanted: wantedOf(issue),
    };
  });
  const first = errors[0];
  throw new AppError('invalid_request', { detail: `${first?.path}: ${first?.wanted}`, errors });
}

/** Fields that ask for a secret, or for something that may have one in it. */
const MAY_HOLD_SECRET = /^(?:value|content|url|at)$/;

/** Whatever else a body says may be stored and shown. Throws invalid_request. */
function assertNoSecret(value: unknown, path: readonly string[] = []): void {
  const name = path.at(-1) ?? '';
  if (MAY_HOLD_SECRET.test(name) || (SECRET_FIELD.test(name) && name !== 'endpointKey')) return;
  if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) assertNoSecret(inner, [...path, key]);
  if (typeof value !== 'string' || !holdsSecret(value)) return;
  const wanted = 'text without a token, key or secret, because other people can see it';
  const errors = [{ path: path.join('.'), wanted }];
  throw new AppError('invalid_request', { detail: `${path.join('.')}: expected ${wanted}`, errors });
}

/** zod says what is wrong; what is wanted is what follows. Of unknown members their names are the news. */
function wantedOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return `no member ${issue.keys.map((key) => withoutUnguessable(key).slice(0, 50)).join(', ')}`;
  return issue.message.replace(/^(?:Invalid (?:input|option|string)|Too (?:small|big)): /, '');
}

/** What stands at a path of the input, where it may be repeated. */
function givenAt(input: unknown, path: readonly PropertyKey[]): { given?: unknown } {
  let value = input;
  for (const step of path) {
    if (SECRET_FIELD.test(String(step)) && String(step) !== 'endpointKey') return {};
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Record<PropertyKey, unknown>)[step]
        : undefined;
  }
  if (typeof value === 'string') return { given: withoutUnguessable(value).slice(0, 100) };
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? { given: value } : {};
}
