/**
 * Who asks at the token endpoint. IdPs send the secret in the header, in the body, or in both (authentik, SailPoint); all of them are
 * accepted as long as they agree. What oidc-provider is shown afterwards is a pass that is good for this one request.
 */
import { randomBytes } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, errors as joseErrors, jwtVerify } from 'jose';
import type { Clock } from '../clock.ts';
import { type Client, type Clients, isSecretOf } from './clients.ts';

export type Parameters = ReadonlyMap<string, string>;

export type Authenticated = { client: Client } | { refused: 'client_unknown' | 'client_secret_wrong' | 'missing' | 'contradiction'; clientId?: string };

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const CLOCK_TOLERANCE_SECONDS = 60;

export function createClientAuthentication({ clients, clock, audiences }: { clients: Clients; clock: Clock; audiences: string[] }) {
  async function byAssertion(assertion: string, named: string | undefined): Promise<Authenticated> {
    let clientId: string | undefined;
    try {
      clientId = decodeJwt(assertion).sub;
    } catch {
      return { refused: 'client_secret_wrong' };
    }
    if (clientId === undefined || (named !== undefined && named !== clientId)) return { refused: 'contradiction', ...(named !== undefined && { clientId: named }) };
    const client = await clients.find(clientId);
    if (!client) return { refused: 'client_unknown', clientId };
    if (client.authMethod !== 'private_key_jwt' || !client.jwks) return { refused: 'client_secret_wrong', clientId };
    try {
      await jwtVerify(assertion, createLocalJWKSet(client.jwks as never), {
        issuer: clientId,
        subject: clientId,
        audience: audiences,
        currentDate: clock.now(),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp'],
      });
      return { client };
    } catch (error) {
      if (error instanceof joseErrors.JOSEError) return { refused: 'client_secret_wrong', clientId };
      throw error;
    }
  }

  /** Rejects with storage_unavailable; a refusal is a value. */
  return async function authenticate(header: string | undefined, parameters: Parameters): Promise<Authenticated> {
    const named = parameters.get('client_id');
    const assertion = parameters.get('client_assertion');
    if (assertion !== undefined && parameters.get('client_assertion_type') === ASSERTION_TYPE) return byAssertion(assertion, named);
    const inBody = parameters.get('client_secret');
    const basic = header === undefined ? [] : readBasic(header);
    if (header !== undefined && basic.length === 0) return { refused: 'client_secret_wrong', ...(named !== undefined && { clientId: named }) };
    // Our ids need no encoding, so where the two readings differ it is the decoded one that can be an id.
    const clientId = named ?? basic.at(-1)?.id;
    if (clientId === undefined) return { refused: 'missing' };
    const client = await clients.find(clientId);
    if (!client) return { refused: 'client_unknown', clientId };
    if (client.authMethod === 'none') return inBody === undefined && header === undefined ? { client } : { refused: 'contradiction', clientId };
    const offered = basic.filter(({ id }) => id === clientId).map(({ secret }) => secret);
    if (header !== undefined && offered.length === 0) return { refused: 'contradiction', clientId };
    if (inBody !== undefined && header !== undefined && !offered.includes(inBody)) return { refused: 'contradiction', clientId };
    const secrets = inBody === undefined ? offered : [inBody];
    if (secrets.length === 0) return { refused: 'missing', clientId };
    const isRight = secrets.map((secret) => isSecretOf(client, secret)).includes(true);
    return isRight ? { client } : { refused: 'client_secret_wrong', clientId };
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

/** Passes for requests whose client has been authenticated: each is good for one client and is taken away after the request. */
export function createPasses() {
  const passes = new Map<string, string>();
  return {
    issue(clientId: string): string {
      const pass = randomBytes(24).toString('base64url');
      passes.set(pass, clientId);
      return pass;
    },
    isPass: (clientId: string, value: string) => passes.get(value) === clientId,
    withdraw: (pass: string) => void passes.delete(pass),
  };
}
