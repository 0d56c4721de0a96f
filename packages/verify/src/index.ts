/**
 * Middleware for SCIM servers that ask Latchkey about each token (RFC 7662), for Express, Fastify, Koa and plain `node:http`.
 *
 * ```ts
 * const latchkey = createVerifier({ url: 'https://scim.example.com', apiKey: process.env.LATCHKEY_API_KEY ?? '' });
 * app.use(latchkey.express());
 * app.get('/scim/v2/:key/Users', (request, response) => { const { organizationId } = latchkey.identityOf(request); ... });
 * ```
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createDecide, type Decision, type Identity, originOf, targetOf, type VerifierOptions } from './decide.ts';
import { createReports } from './outcomes.ts';

export type { Identity, VerifierOptions } from './decide.ts';

/** What this needs of Koa's context. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  status: number;
  body: unknown;
  set(headers: Record<string, string>): void;
}

/** What this needs of Fastify's request and reply. */
export interface FastifyRequest {
  raw: IncomingMessage;
}
export interface FastifyReply {
  raw: ServerResponse;
  code(status: number): unknown;
  headers(values: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** A request of `node:http` or Express, or what Koa and Fastify wrap around it. */
export type AnyRequest = IncomingMessage | { req: IncomingMessage } | { raw: IncomingMessage };

export interface Verifier {
  /** For `app.use()`, also of Connect and others with `(request, response, next)`. */
  express(): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
  /** For `app.addHook('onRequest', ...)`. */
  fastify(): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  /** For `app.use()`. */
  koa(): (context: KoaContext, next: () => Promise<unknown>) => Promise<void>;
  /** Around a listener of `createServer()`. */
  http(
    listener: (request: IncomingMessage, response: ServerResponse) => unknown,
  ): (request: IncomingMessage, response: ServerResponse) => void;
  /** Whose request it is. Throws when it did not come through this verifier. */
  identityOf(request: AnyRequest): Identity;
}

/** Throws when `url` is no origin or `apiKey` is empty. */
export function createVerifier(options: VerifierOptions): Verifier {
  const decide = createDecide(options);
  const identities = new WeakMap<IncomingMessage, Identity>();
  const { apiKey, reportAfterMs } = options;
  const report =
    reportAfterMs === false
      ? undefined
      : createReports({ url: originOf(options.url), apiKey, ...(reportAfterMs !== undefined && { reportAfterMs }) });

  async function check(request: IncomingMessage, response: ServerResponse): Promise<Refusal | undefined> {
    const decision = await decide(request);
    if (!decision.allowed) return refusalOf(decision);
    const { identity } = decision;
    identities.set(request, identity);
    const [path = ''] = targetOf(request).split('?', 1);
    if (report) {
      response.once('finish', () => report(identity.directoryId, request.method ?? '', path, response.statusCode));
    }
    return undefined;
  }

  return {
    express: () => (request, response, next) => {
      check(request, response).then((refusal) => (refusal ? write(response, refusal) : next()), next);
    },

    fastify: () => async (request, reply) => {
      const refusal = await check(request.raw, reply.raw);
      if (!refusal) return undefined;
      reply.code(refusal.status);
      reply.headers(refusal.headers);
      return reply.send(refusal.body);
    },

    koa: () => async (context, next) => {
      const refusal = await check(context.req, context.res);
      if (!refusal) {
        await next();
        return;
      }
      context.status = refusal.status;
      context.body = refusal.body;
      context.set(refusal.headers);
    },

    http: (listener) => (request, response) => {
      check(request, response).then(
        (refusal) => (refusal ? write(response, refusal) : listener(request, response)),
        (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
      );
    },

    identityOf(request) {
      const raw = 'raw' in request ? request.raw : 'req' in request ? request.req : request;
      const identity = identities.get(raw as IncomingMessage);
      if (!identity) throw new Error('This request did not come through the verifier.');
      return identity;
    },
  };
}

interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** RFC 7644 3.12 as the body, RFC 6750 3 as the challenge. */
function refusalOf({ status, detail, challenge, retryAfterSeconds }: Extract<Decision, { allowed: false }>): Refusal {
  return {
    status,
    headers: {
      'content-type': 'application/scim+json; charset=utf-8',
      'cache-control': 'no-store',
      ...(challenge !== undefined && { 'www-authenticate': challenge }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    },
    body: JSON.stringify({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: String(status),
      detail,
    }),
  };
}

function write(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
