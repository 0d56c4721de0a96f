/**
 * authentik's SCIM provider as it is known from its source: with basic authentication it sends its credentials in the header and in the body;
 * an answer without `expires_in` is over at once; it looks at its token before each request and never reacts to a 401; a new refresh token takes
 * the place of the old one; its state has 32 characters and must come back.
 */
import { randomBytes } from 'node:crypto';
import type { Answer } from './api.ts';

export interface AuthentikSettings {
  authorizeUrl: string;
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scimUrl: string;
  redirectUri: string;
  now: () => Date;
}

export interface AuthentikClient {
  authorizationUrl(): string;
  finish(callback: URL): Promise<void>;
  /** One task; its answer as it is, a 401 too. */
  scim(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }>;
  /** What it keeps of its connection. */
  connection(): { accessToken: string; refreshToken: string; expiresAt: Date };
  tokenRequests(): number;
}

export function createAuthentikClient(settings: AuthentikSettings): AuthentikClient {
  const { authorizeUrl, tokenUrl, clientId, clientSecret, scimUrl, redirectUri, now } = settings;
  let state = '';
  let held: { accessToken: string; refreshToken: string; expiresAt: Date } | undefined;
  let asked = 0;

  async function ask(fields: Record<string, string>): Promise<void> {
    asked += 1;
    const response = await fetch(tokenUrl, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ ...fields, client_id: clientId, client_secret: clientSecret }),
    });
    const body = (await response.json()) as Answer;
    if (response.status !== 200) throw new Error(`token endpoint: ${response.status} ${JSON.stringify(body)}`);
    held = {
      accessToken: body.access_token,
      refreshToken: body.refresh_token ?? held?.refreshToken ?? '',
      expiresAt: new Date(now().getTime() + (body.expires_in ?? 0) * 1000),
    };
  }

  function connection() {
    if (!held) throw new Error('not connected');
    return held;
  }

  return {
    authorizationUrl() {
      state = randomBytes(16).toString('hex');
      const url = new URL(authorizeUrl);
      const query = { response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return url.href;
    },
    async finish(callback) {
      const { searchParams } = callback;
      if (!searchParams.has('state')) throw new Error('no state came back');
      if (searchParams.get('state') !== state) throw new Error('another state came back');
      const code = searchParams.get('code');
      if (code === null) throw new Error(`refused: ${searchParams.get('error')}`);
      await ask({ grant_type: 'authorization_code', code, redirect_uri: redirectUri });
    },
    async scim(method, path, body) {
      const { expiresAt, refreshToken } = connection();
      if (expiresAt <= now()) await ask({ grant_type: 'refresh_token', refresh_token: refreshToken });
      const response = await fetch(scimUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${connection().accessToken}`,
          accept: 'application/scim+json',
          'content-type': 'application/scim+json',
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
    connection,
    tokenRequests: () => asked,
  };
}
