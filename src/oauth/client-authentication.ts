/**
 * Who asks at the token endpoint. IdPs send the secret in the header, in the body, or in both (authentik, SailPoint); all of them are
 * accepted as long as they agree.
 */
import type { Clock } from '../clock.ts';
import type { WeakValues } from '../credentials/index.ts';
import type { AppError } from '../errors.ts';
import { type ReadOptions, readSurely } from '../storage/index.ts';
import { type Asserted, type AssertionFault, namedInAssertion } from './client-assertions.ts';
import type { Client } from './client-record.ts';
import { presentedSecretOf } from './client-secrets.ts';
import type { Clients } from './clients.ts';
import { type Parameters, withoutBlanks } from './parameters.ts';
import type { OauthSubReason } from './refusals.ts';

/** What is known of a proof that is refused. */
export type ProofFault = AssertionFault | { hint?: string; removedAt: string };

export type Authenticated =
  /** `secretId`: of the secret that proved it. `undo` takes back what the proof has spent, for a request that failed by our fault. */
  | { client: Client; secretId?: string; undo?: () => Promise<void> }
  | {
      refused: OauthSubReason;
      /** Whom the request named, also where there is no such client. */
      clientId?: string;
      /** With `assertion_wrong` or `client_secret_removed`. */
      fault?: ProofFault;
      /** With `jwks_unreachable`: no fault of the client, so it is answered 503. */
      error?: AppError;
    };

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface ClientAuthenticationDependencies {
  clients: Clients;
  clock: Clock;
  weakValues: WeakValues;
  byAssertion: (assertion: string, named: string | undefined, path: string) => Promise<Asserted>;
}

export function createClientAuthentication(deps: ClientAuthenticationDependencies) {
  const { clients, clock, weakValues, byAssertion } = deps;
  /** Rejects with storage_unavailable; a refusal is a value. `path`: the endpoint that was called. */
  return async function authenticate(
    header: string | undefined,
    parameters: Parameters,
    path: string,
  ): Promise<Authenticated> {
    const named = parameters.get('client_id');
    const assertion = parameters.get('client_assertion');
    const type = parameters.get('client_assertion_type');
    if (assertion !== undefined && type === ASSERTION_TYPE) return byAssertion(assertion, named, path);
    const readings = readHeader(header ?? '');
    const hasSecret = parameters.has('client_secret') || readings.length > 0;
    if (!hasSecret && (assertion !== undefined || type !== undefined)) {
      const clientId = named ?? (assertion === undefined ? undefined : namedInAssertion(assertion));
      const fault = assertion === undefined ? 'missing' : 'type';
      return { refused: 'assertion_wrong', ...(clientId !== undefined && { clientId }), fault: { fault } };
    }
    return readSurely(
      (options) => bySecret({ header, readings }, parameters, options),
      (outcome) => 'client' in outcome,
    );
  };

  async function bySecret(
    { header, readings }: { header: string | undefined; readings: Reading[] },
    parameters: Parameters,
    options: ReadOptions,
  ): Promise<Authenticated> {
    const named = parameters.get('client_id');
    const inBody = parameters.get('client_secret');
    const basic = readings.map(({ id, secret }) => ({ id: id || (named ?? ''), secret }));
    // Some clients send their access token with every request, or a scheme without a value; the proof in the body stands for itself.
    const isLeftOver = inBody !== undefined && LEFT_OVER.test(header?.trim() ?? '');
    if (header !== undefined && header.trim() !== '' && basic.length === 0 && !isLeftOver)
      return { refused: 'client_method_wrong', ...(named !== undefined && { clientId: named }) };
    const clientId = namedBy(readings, parameters);
    if (clientId === undefined) return { refused: 'client_missing' };
    if (clientId.startsWith('scimcs_')) {
      const other = [inBody, ...basic.map(({ secret }) => secret)].find((value) => value?.startsWith('client_'));
      return { refused: 'client_id_and_secret_swapped', ...(other !== undefined && { clientId: other }) };
    }
    const client = await clients.find(clientId, options);
    if (!client) return { refused: 'client_unknown', clientId };
    const own = basic.filter(({ id }) => id === clientId);
    if (basic.length > 0 && own.length === 0) return { refused: 'client_proofs_disagree', clientId };
    // An empty password is none: the header then names the client, and no more.
    const inHeader = own.map(({ secret }) => secret).filter((secret) => secret !== '');
    if (inBody !== undefined && inHeader.length > 0 && !inHeader.includes(inBody))
      return { refused: 'client_proofs_disagree', clientId };
    const secrets = inBody === undefined ? inHeader : [inBody];
    if (client.authMethod === 'none')
      return secrets.length === 0 ? { client } : { refused: 'client_method_wrong', clientId };
    if (client.authMethod === 'private_key_jwt') return { refused: 'client_method_wrong', clientId };
    if (secrets.length === 0) return { refused: 'client_secret_missing', clientId };
    const presented = secrets.map((secret) => presentedSecretOf(client, secret, clock.now(), weakValues));
    const live = presented.find((one) => one.state === 'live');
    if (live) return { client, secretId: live.secret.id };
    if (presented.some(({ state }) => state === 'expired')) return { refused: 'client_secret_expired', clientId };
    const removed = presented.find((one) => one.state === 'removed')?.removed;
    if (removed) {
      const { hint, removedAt } = removed;
      const fault = { ...(hint !== '' && { hint }), removedAt: removedAt.toISOString() };
      return { refused: 'client_secret_removed', clientId, fault };
    }
    return { refused: mistakeOf(secrets, clientId), clientId };
  }
}

/** What was sent in place of the secret, as far as its form tells. */
function mistakeOf(secrets: readonly string[], clientId: string): OauthSubReason {
  if (secrets.some((secret) => secret === clientId || OUR_CLIENT_ID.test(secret))) return 'client_id_as_secret';
  if (secrets.some((secret) => OUR_TOKEN.test(secret))) return 'token_as_client_secret';
  return secrets.some((secret) => /\s/.test(secret)) ? 'client_secret_has_blanks' : 'client_secret_wrong';
}

/** Whom a request names, before anything is proved. */
export function namedClient(header: string | undefined, parameters: Parameters): string | undefined {
  return namedBy(readHeader(header ?? ''), parameters);
}

function namedBy(readings: Reading[], parameters: Parameters): string | undefined {
  // Our IDs need no encoding, so where the two readings of Basic differ it is the decoded one that can be an ID.
  return parameters.get('client_id') ?? (readings.at(-1)?.id || undefined);
}

const LEFT_OVER = /^(?:bearer[ \t]+scimat_\S+|(?:bearer|basic)(?:[ \t]+(?:null|undefined|none))?)$/i;
const OUR_SECRET = /^scimcs_[0-9A-Za-z]{43}$/;
const OUR_CLIENT_ID = /^client_[0-9A-Za-z]{20}$/;
const OUR_TOKEN = /^scim(?:at|rt|ac)?_[0-9A-Za-z]+$/;
const BASE64 = /^[A-Za-z0-9+/_-]+=*$/;

/** What a header may say; `id` is empty where it names none. */
interface Reading {
  id: string;
  secret: string;
}

/**
 * ID and secret of a header, in all its readings. Basic takes any; a secret of our own shape is unambiguous whatever surrounds it, so it is also
 * taken behind Bearer, without a scheme, in quotes, not encoded, or alone as the user name.
 */
function readHeader(header: string): Reading[] {
  const bare = withoutWrappers(header);
  if (OUR_SECRET.test(bare)) return [{ id: '', secret: bare }];
  const basic = readBasic(header);
  if (basic.length > 0)
    return basic.map(({ id, secret }) =>
      OUR_SECRET.test(id) && secret === '' ? { id: '', secret: id } : { id, secret },
    );
  const readings = [bare, ...(BASE64.test(bare) ? [Buffer.from(bare, 'base64').toString('utf8')] : [])];
  return readings.flatMap((reading) => {
    const [, id = '', secret = ''] = /^(?:([^:\s]*):)?\s*(\S+?):?$/.exec(reading) ?? [];
    return OUR_SECRET.test(secret) ? [{ id, secret }] : [];
  });
}

/** The values in a text that may be client secrets: the text as it is, and what it holds as an `Authorization` header. */
export function secretsIn(text: string): string[] {
  const values = [text.trim(), withoutWrappers(text), ...readHeader(text).map(({ secret }) => secret)];
  return [...new Set(values)].filter((value) => value !== '');
}

/** What is left of a header without its name, its scheme and quotes. */
function withoutWrappers(header: string): string {
  return header
    .trim()
    .replace(/^authorization[ \t]*[:=][ \t]*/i, '')
    .replace(/^["']|["']$/g, '')
    .replace(/^(?:(?:basic|bearer)[ \t:]+){1,2}/i, '')
    .replace(/^["']|["']$/g, '')
    .trim();
}

/** RFC 6749 2.3.1 has both halves form-encoded, which many clients leave out: both readings, where they differ. */
function readBasic(header: string): Reading[] {
  // Some encoders break the value into lines.
  const [, encoded] = /^basic[ \t]+([A-Za-z0-9+/_=\s-]+)$/i.exec(header) ?? [];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return [];
  const plain = { id: withoutBlanks(text.slice(0, colon)), secret: withoutBlanks(text.slice(colon + 1)) };
  try {
    const decode = (half: string) => withoutBlanks(decodeURIComponent(half.replaceAll('+', ' ')));
    const decoded = { id: decode(plain.id), secret: decode(plain.secret) };
    return decoded.id === plain.id && decoded.secret === plain.secret ? [plain] : [plain, decoded];
  } catch {
    return [plain];
  }
}
