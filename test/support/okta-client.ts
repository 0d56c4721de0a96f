/**
 * Okta's provisioning as it is known from outside: an admin enters authorize URL, token URL, client id and secret; scopes are written into the
 * authorize URL; the token is refreshed only when a SCIM operation happens. What is not known of it (where the secret goes, PKCE, how long
 * its state is, whether it takes over a new refresh token) can be chosen.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Answer } from './api.ts';

export interface OktaSettings {
  /** As typed in by the admin; may have a query of its own. */
  authorizeUrl: string;
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  /** The SCIM base URL; neither Okta nor we allow a `_` in it. */
  scimUrl: string;
  redirectUri: string;
  now: () => Date;
  secretIn?: 'header' | 'body';
  pkce?: boolean;
  stateLength?: number;
  keepsNewRefreshToken?: boolean;
  /** Refreshes when `expires_in` is over, or when a request was answered 401. */
  refreshes?: 'when due' | 'after 401';
}

export interface OktaClient {
  /** "Authenticate with ...": where the admin's browser goes. */
  authorizationUrl(): string;
  /** The browser has come back. Throws when the answer is not to the last question. */
  finish(callback: URL): Promise<void>;
  /** A provisioning task. Throws when it fails for good, as a task in Okta's console does. */
  scim(method: string, path: string, body?: unknown): Promise<ScimReply>;
  tokens(): { accessToken: string; refreshToken: string };
  /** How often it refreshed. */
  refreshCount(): number;
}

export interface ScimReply {
  status: number;
  body: Answer;
}

/** Okta allows a request 60 s. */
const TIMEOUT_MS = 60_000;

export function createOktaClient(settings: OktaSettings): OktaClient {
  const { authorizeUrl, tokenUrl, clientId, clientSecret, scimUrl, redirectUri, now } = settings;
  const { secretIn = 'header', pkce = false, stateLength = 32, keepsNewRefreshToken = true } = settings;
  const { refreshes = 'when due' } = settings;
  if (scimUrl.includes('_') || scimUrl.length > 1024) throw new Error(`Okta takes no such base URL: ${scimUrl}`);
  let asked: { state: string; verifier: string } | undefined;
  let held: { accessToken: string; refreshToken: string; endsAt: number } | undefined;
  let refreshed = 0;

  async function ask(fields: Record<string, string>): Promise<void> {
    const inHeader = secretIn === 'header';
    const response = await fetch(tokenUrl, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(inHeader && {
          authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        }),
      },
      body: new URLSearchParams({
        ...fields,
        ...(!inHeader && { client_id: clientId, client_secret: clientSecret }),
      }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = (await response.json()) as Answer;
    if (response.status !== 200) throw new Error(`token endpoint: ${response.status} ${JSON.stringify(body)}`);
    const refreshToken = (held && !keepsNewRefreshToken ? undefined : body.refresh_token) ?? held?.refreshToken;
    if (typeof refreshToken !== 'string') throw new Error('Okta needs a refresh token');
    const endsAt = now().getTime() + body.expires_in * 1000;
    held = { accessToken: body.access_token, refreshToken, endsAt };
  }

  async function refresh(): Promise<void> {
    refreshed += 1;
    await ask({ grant_type: 'refresh_token', refresh_token: tokens().refreshToken });
  }

  function tokens() {
    if (!held) throw new Error('not connected');
    return held;
  }

  async function send(method: string, path: string, body?: unknown): Promise<ScimReply> {
    const response = await fetch(scimUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${tokens().accessToken}`,
        accept: 'application/scim+json',
        'user-agent': 'Okta SCIM Client 1.0.0',
        ...(body !== undefined && { 'content-type': 'application/scim+json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  return {
    authorizationUrl() {
      const verifier = randomBytes(32).toString('base64url');
      asked = { verifier, state: randomBytes(stateLength).toString('base64url').slice(0, stateLength) };
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state: asked.state,
        ...(pkce && {
          code_challenge_method: 'S256',
          code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        }),
      });
      return `${authorizeUrl}${authorizeUrl.includes('?') ? '&' : '?'}${query}`;
    },
    async finish(callback) {
      if (callback.origin + callback.pathname !== redirectUri) throw new Error(`not our address: ${callback.href}`);
      const code = callback.searchParams.get('code');
      if (!asked || callback.searchParams.get('state') !== asked.state) throw new Error('state differs');
      if (code === null) throw new Error(`refused: ${callback.searchParams.get('error')}`);
      const { verifier } = asked;
      asked = undefined;
      await ask({
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        ...(pkce && { code_verifier: verifier }),
      });
    },
    async scim(method, path, body) {
      if (refreshes === 'when due' && tokens().endsAt <= now().getTime()) await refresh();
      const reply = await send(method, path, body);
      if (reply.status !== 401) return reply;
      if (refreshes === 'when due') throw new Error(`the task failed: ${reply.status}`);
      await refresh();
      const again = await send(method, path, body);
      if (again.status === 401) throw new Error(`the task failed: ${again.status}`);
      return again;
    },
    tokens,
    refreshCount: () => refreshed,
  };
}
