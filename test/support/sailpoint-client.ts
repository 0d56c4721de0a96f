/**
 * SailPoint's SCIM source as its documentation tells it: an administrator pastes a refresh token into a form, or chooses client credentials;
 * the credentials go into a Basic header, and often into the body as well. It gets a token per aggregation, and once more after a 401.
 */
import type { Answer } from './api.ts';

export interface SailpointSettings {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scimUrl: string;
  /** Pasted by hand; without one it asks with client credentials. */
  refreshToken?: string;
  /** Whether the credentials stand in the body too. */
  inBodyToo: boolean;
}

export interface SailpointClient {
  /** "Test connection": a token, then one user. Throws what its page would show. */
  testConnection(): Promise<void>;
  /** Reads all users, page by page. */
  aggregate(): Promise<Answer[]>;
  provision(user: object): Promise<{ status: number; body: Answer }>;
}

const PAGE = 50;

export function createSailpointClient(settings: SailpointSettings): SailpointClient {
  const { tokenUrl, clientId, clientSecret, scimUrl, refreshToken, inBodyToo } = settings;
  let accessToken: string | undefined;

  async function getToken(): Promise<string> {
    const grant =
      refreshToken === undefined
        ? { grant_type: 'client_credentials' }
        : { grant_type: 'refresh_token', refresh_token: refreshToken };
    const response = await fetch(tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({
        ...grant,
        ...(inBodyToo && { client_id: clientId, client_secret: clientSecret }),
      }),
    });
    const body = (await response.json()) as Answer;
    if (response.status !== 200) throw new Error(`token endpoint: ${response.status} ${JSON.stringify(body)}`);
    accessToken = body.access_token as string;
    return accessToken;
  }

  async function send(token: string, method: string, path: string, body?: object) {
    const response = await fetch(scimUrl + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as Answer };
  }

  async function scim(method: string, path: string, body?: object) {
    const answer = await send(accessToken ?? (await getToken()), method, path, body);
    return answer.status === 401 ? send(await getToken(), method, path, body) : answer;
  }

  return {
    async testConnection() {
      await getToken();
      const { status, body } = await scim('GET', '/Users?startIndex=1&count=1');
      if (status !== 200) throw new Error(`Users: ${status} ${JSON.stringify(body)}`);
    },
    async aggregate() {
      await getToken();
      const users: Answer[] = [];
      for (;;) {
        const { status, body } = await scim('GET', `/Users?startIndex=${users.length + 1}&count=${PAGE}`);
        if (status !== 200) throw new Error(`Users: ${status} ${JSON.stringify(body)}`);
        users.push(...body.Resources);
        if (body.Resources.length === 0 || users.length >= body.totalResults) return users;
      }
    },
    provision: (user) => scim('POST', '/Users', user),
  };
}
