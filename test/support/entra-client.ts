/**
 * Entra ID's provisioning as it is known from outside: it looks at its access token before each request and needs `expires_in`; "Test connection"
 * reads users and groups with a filter for a random id. A client secret goes into the header, or by choice into the body; with workload identity
 * an assertion of Entra's own issuer stands in its place.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Answer } from './api.ts';

export interface EntraSettings {
  tokenUrl: string;
  scimUrl: string;
  now: () => Date;
  /** Who it is: a client with its secret, or an assertion made anew for each request. */
  identity:
    | { clientId: string; clientSecret: string; secretIn: 'header' | 'body' }
    | { clientId?: string; assertion: () => Promise<string> };
  /** Where a code is to come back; without one it asks with client credentials. */
  code?: { authorizeUrl: string; redirectUri: string };
}

export interface EntraClient {
  authorizationUrl(): string;
  finish(callback: URL): Promise<void>;
  /** What "Test connection" does; throws when it would show an error. */
  testConnection(): Promise<void>;
  /** One request of a cycle. */
  scim(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }>;
  accessToken(): string;
  tokenRequests(): number;
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** A token that ends within this time is renewed first. */
const MARGIN_MS = 5 * 60_000;

export function createEntraClient({ tokenUrl, scimUrl, now, identity, code }: EntraSettings): EntraClient {
  let held: { accessToken: string; refreshToken?: string; endsAt: number } | undefined;
  let state = '';
  let asks = 0;

  async function ask(fields: Record<string, string>): Promise<void> {
    asks += 1;
    const proof: Record<string, string> = {};
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' };
    if ('assertion' in identity) {
      proof['client_assertion_type'] = ASSERTION_TYPE;
      proof['client_assertion'] = await identity.assertion();
      if (identity.clientId !== undefined) proof['client_id'] = identity.clientId;
    } else if (identity.secretIn === 'body') {
      proof['client_id'] = identity.clientId;
      proof['client_secret'] = identity.clientSecret;
    } else {
      const pair = `${encodeURIComponent(identity.clientId)}:${encodeURIComponent(identity.clientSecret)}`;
      headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    }
    const response = await fetch(tokenUrl, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ ...fields, ...proof }),
    });
    const body = (await response.json()) as Answer;
    if (response.status !== 200) throw new Error(`token endpoint: ${response.status} ${JSON.stringify(body)}`);
    if (!Number.isInteger(body.expires_in)) throw new Error('Entra needs expires_in');
    const refreshToken: string | undefined = body.refresh_token ?? held?.refreshToken;
    held = {
      accessToken: body.access_token,
      ...(refreshToken !== undefined && { refreshToken }),
      endsAt: now().getTime() + body.expires_in * 1000,
    };
  }

  async function prepare(): Promise<void> {
    if (held && held.endsAt - MARGIN_MS > now().getTime()) return;
    if (!code) return ask({ grant_type: 'client_credentials' });
    if (!held?.refreshToken) throw new Error('not connected');
    await ask({ grant_type: 'refresh_token', refresh_token: held.refreshToken });
  }

  async function scim(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }> {
    await prepare();
    const response = await fetch(scimUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${held?.accessToken}`,
        ...(body !== undefined && { 'content-type': 'application/scim+json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  return {
    authorizationUrl() {
      if (!code) throw new Error('asks with client credentials');
      state = randomUUID();
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: identity.clientId ?? '',
        redirect_uri: code.redirectUri,
        state,
      });
      return `${code.authorizeUrl}?${query}`;
    },
    async finish(callback) {
      if (callback.searchParams.get('state') !== state) throw new Error('state differs');
      const value = callback.searchParams.get('code');
      if (value === null) throw new Error(`refused: ${callback.searchParams.get('error')}`);
      await ask({ grant_type: 'authorization_code', code: value, redirect_uri: code?.redirectUri ?? '' });
    },
    async testConnection() {
      const filters = { Users: 'userName', Groups: 'displayName' };
      for (const [kind, attribute] of Object.entries(filters)) {
        const filter = encodeURIComponent(`${attribute} eq "${randomUUID()}"`);
        const { status, body } = await scim('GET', `/${kind}?filter=${filter}`);
        if (status !== 200 || body.totalResults !== 0) throw new Error(`${kind}: ${status} ${JSON.stringify(body)}`);
      }
    },
    scim,
    accessToken: () => held?.accessToken ?? '',
    tokenRequests: () => asks,
  };
}

/** A tenant of login.microsoftonline.com: signs assertions, and serves its keys from a server of its own. */
export interface EntraIssuer {
  issuer: string;
  /** What a client is told; `fetch` maps it to the server. */
  jwksUri: string;
  fetch: typeof fetch;
  /** As Entra makes them: no `jti` but `uti`. */
  assertion(claims: {
    subject: string;
    audience: string | string[];
    now: Date;
    issuer?: string;
    /** How long it lives; an hour by default. */
    seconds?: number;
  }): Promise<string>;
  rotateKey(): Promise<void>;
  /** Ends the key server, as an outage does. */
  fail(isFailing: boolean): void;
  /** How often the keys were fetched. */
  fetches(): number;
  close(): Promise<void>;
}

export async function startEntraIssuer(tenant: string = randomUUID()): Promise<EntraIssuer> {
  const origin = 'https://login.microsoftonline.com';
  const issuer = `${origin}/${tenant}/v2.0`;
  const jwksUri = `${origin}/${tenant}/discovery/v2.0/keys`;
  let published: JWK[] = [];
  let current: { key: CryptoKey; kid: string };
  let fetches = 0;
  let isFailing = false;

  async function rotateKey(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    current = { key: privateKey, kid };
    // Entra's keys have no `alg`.
    published = [...published, { ...jwk, kid, use: 'sig' }].slice(-2);
  }
  await rotateKey();

  const server = createServer((request, response) => {
    fetches += 1;
    const isKnown = request.url === `/${tenant}/discovery/v2.0/keys`;
    response.writeHead(isFailing ? 503 : isKnown ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isKnown && !isFailing ? { keys: published } : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    issuer,
    jwksUri,
    fetch: (input, init) => {
      const url = String(input);
      if (!url.startsWith(`${origin}/`)) throw new TypeError(`nobody answers at ${url}`);
      return fetch(url.replace(origin, local), init);
    },
    async assertion({ subject, audience, now, issuer: named = issuer, seconds = 3600 }) {
      const at = Math.floor(now.getTime() / 1000);
      return new SignJWT({ uti: randomUUID(), idtyp: 'app', tid: tenant, sub: subject })
        .setProtectedHeader({ alg: 'RS256', kid: current.kid, typ: 'JWT' })
        .setIssuer(named)
        .setAudience(audience)
        .setIssuedAt(at)
        .setNotBefore(at)
        .setExpirationTime(at + seconds)
        .sign(current.key);
    },
    rotateKey,
    fail(failing) {
      isFailing = failing;
    },
    fetches: () => fetches,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
