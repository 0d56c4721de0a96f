/**
 * PingOne's outbound SCIM connection as its documentation tells it: client credentials, in the header or in the body; the administrator chooses
 * the word in front of the token. A token is kept until shortly before its end.
 */
import type { Answer } from './api.ts';

export interface PingoneSettings {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scimUrl: string;
  secretIn: 'header' | 'body';
  /** The word in front of the token; empty for none. */
  tokenType: string;
  now: () => Date;
}

export interface PingoneClient {
  scim(method: string, path: string, body?: object): Promise<{ status: number; body: Answer }>;
  tokenRequests(): number;
}

const MARGIN_MS = 60_000;

export function createPingoneClient(settings: PingoneSettings): PingoneClient {
  const { tokenUrl, clientId, clientSecret, scimUrl, secretIn, tokenType, now } = settings;
  let held: { token: string; endsAt: number } | undefined;
  let asked = 0;

  async function getToken(): Promise<string> {
    if (held && held.endsAt - MARGIN_MS > now().getTime()) return held.token;
    asked += 1;
    const inHeader = secretIn === 'header';
    const response = await fetch(tokenUrl, {
      method: 'POST',
      headers: inHeader
        ? { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` }
        : {},
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(!inHeader && { client_id: clientId, client_secret: clientSecret }),
      }),
    });
    const body = (await response.json()) as Answer;
    if (response.status !== 200) throw new Error(`token endpoint: ${response.status} ${JSON.stringify(body)}`);
    held = { token: body.access_token, endsAt: now().getTime() + body.expires_in * 1000 };
    return held.token;
  }

  return {
    async scim(method, path, body) {
      const token = await getToken();
      const response = await fetch(scimUrl + path, {
        method,
        headers: { authorization: `${tokenType} ${token}`.trim(), 'content-type': 'application/scim+json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
    tokenRequests: () => asked,
  };
}
