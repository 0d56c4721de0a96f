/**
 * Who asks at the token endpoint. IdPs send the secret in the header, in the body, or in both (authentik, SailPoint); all of them are
 * accepted as long as they agree. What oidc-provider is shown afterwards is a pass that is good for this one request.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { AppError } from '../errors.ts';
import type { Asserted, AssertionFault } from './client-assertions.ts';
import { secretStateOf } from './client-secrets.ts';
import type { Client, Clients } from './clients.ts';

export type Parameters = ReadonlyMap<string, string>;

export type Authenticated =
  /** `undo` takes back what the proof has spent, for a request that failed by our fault. */
  | { client: Client; undo?: () => Promise<void> }
  | {
      refused: Refusal;
      clientId?: string;
      /** With `assertion_wrong`. */
      fault?: AssertionFault;
      /** With `jwks_unreachable`: no fault of the client, so it is answered 503. */
      error?: AppError;
    };

export type Refusal =
  | 'client_unknown'
  | 'client_secret_wrong'
  | 'client_secret_expired'
  | 'assertion_wrong'
  | 'jwks_unreachable'
  | 'missing'
  | 'contradiction';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface ClientAuthenticationDependencies {
  clients: Clients;
  clock: Clock;
  byAssertion: (assertion: string, named: string | undefined, path: string) => Promise<Asserted>;
}

export function createClientAuthentication({ clients, clock, byAssertion }: ClientAuthenticationDependencies) {
  /** Rejects with storage_unavailable; a refusal is a value. `path`: the endpoint that was called. */
  return async function authenticate(
    header: string | undefined,
    parameters: Parameters,
    path: string,
  ): Promise<Authenticated> {
    const named = parameters.get('client_id');
    const assertion = parameters.get('client_assertion');
    if (assertion !== undefined && parameters.get('client_assertion_type') === ASSERTION_TYPE)
      return byAssertion(assertion, named, path);
    const inBody = parameters.get('client_secret');
    const basic = header === undefined ? [] : readBasic(header);
    if (header !== undefined && basic.length === 0)
      return { refused: 'client_secret_wrong', ...(named !== undefined && { clientId: named }) };
    // Our ids need no encoding, so where the two readings differ it is the decoded one that can be an id.
    const clientId = named ?? basic.at(-1)?.id;
    if (clientId === undefined) return { refused: 'missing' };
    const client = await clients.find(clientId);
    if (!client) return { refused: 'client_unknown', clientId };
    if (client.authMethod === 'none')
      return inBody === undefined && header === undefined ? { client } : { refused: 'contradiction', clientId };
    if (client.authMethod === 'private_key_jwt') return { refused: 'client_secret_wrong', clientId };
    const offered = basic.filter(({ id }) => id === clientId).map(({ secret }) => secret);
    if (header !== undefined && offered.length === 0) return { refused: 'contradiction', clientId };
    if (inBody !== undefined && header !== undefined && !offered.includes(inBody))
      return { refused: 'contradiction', clientId };
    const secrets = inBody === undefined ? offered : [inBody];
    if (secrets.length === 0) return { refused: 'missing', clientId };
    const states = secrets.map((secret) => secretStateOf(client, secret, clock.now()));
    if (states.includes('live')) return { client };
    return { refused: states.includes('expired') ? 'client_secret_expired' : 'client_secret_wrong', clientId };
  };
}

/** RFC 6749 2.3.1 has both halves form-encoded, which many clients leave out: both readings, where they differ. */
function readBasic(header: string): { id: string; secret: string }[] {
  const [, encoded] = /^basic[ \t]+([A-Za-z0-9+/_=-]+)[ \t]*$/i.exec(header) ?? [];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return [];
  const plain = { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  try {
    const decode = (half: string) => decodeURIComponent(half.replaceAll('+', ' '));
    const decoded = { id: decode(plain.id), secret: decode(plain.secret) };
    return decoded.id === plain.id && decoded.secret === plain.secret ? [plain] : [plain, decoded];
  } catch {
    return [plain];
  }
}

/**
 * Clients that have been authenticated, while their requests are under way. Each gets a pass to show to oidc-provider, good for that client
 * and taken away after the request; and whoever asks for such a client meanwhile gets it as that request has read it.
 */
export function createAdmission(clients: Pick<Clients, 'find'>) {
  const passes = new Map<string, Client>();
  const underWay = new Map<string, { client: Client; requests: number }>();

  return {
    async during<T>(client: Client, work: (pass: string) => Promise<T>): Promise<T> {
      const pass = randomBytes(24).toString('base64url');
      passes.set(pass, client);
      underWay.set(client.id, { client, requests: (underWay.get(client.id)?.requests ?? 0) + 1 });
      try {
        return await work(pass);
      } finally {
        passes.delete(pass);
        const known = underWay.get(client.id);
        if (known && known.requests > 1) known.requests -= 1;
        else underWay.delete(client.id);
      }
    },
    isPass: (clientId: string, value: string) => passes.get(value)?.id === clientId,
    find: async (id: string): Promise<Client | undefined> => underWay.get(id)?.client ?? clients.find(id),
  };
}

export type Admission = ReturnType<typeof createAdmission>;
