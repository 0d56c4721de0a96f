/** Directories of one Latchkey that are connected by OAuth in both ways, made over its API: by a refresh token, and by client credentials. */
import { type Answer, createApi } from '../support/api.ts';
import type { Bearer } from './filled-store.ts';
import type { LoadRequest } from './load.ts';

export interface Connections {
  /** What an identity provider sends to the token endpoint: both kinds, for as many connections each. */
  refreshes: LoadRequest[];
  clientCredentials: LoadRequest[];
  /** As many access tokens of different connections as were asked for. */
  accessTokens: Bearer[];
}

const AT_ONCE = 10;

/** Makes `count` directories; each has one connection of either kind, and an access token for it. */
export async function connectDirectories(url: string, ownerKey: string, count: number): Promise<Connections> {
  const api = createApi(url, ownerKey);
  const made = async (path: string, body: unknown): Promise<Answer> => {
    const { status, body: answer } = await api.post(path, body);
    if (status !== 201) throw new Error(`POST ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const organization = await made('/organizations', { name: 'Northwind Traders' });
  const shared = await made('/clients', { name: 'Okta', redirectUris: ['https://idp.example/callback'] });
  const connections: Connections = { refreshes: [], clientCredentials: [], accessTokens: [] };

  async function connectOne(): Promise<void> {
    const directory = await api.makeDirectory({ organizationId: organization.id });
    const own = await made('/clients', {
      name: 'Entra',
      directoryId: directory.id,
      grantTypes: ['client_credentials'],
    });
    const byClient = tokenRequest('/oauth/token', own.client.id, own.clientSecret, 'grant_type=client_credentials');
    const first = await accessToken(url, byClient);
    const { refreshToken } = await made(`/directories/${directory.id}/connections`, { clientId: shared.client.id });
    const fields = `grant_type=refresh_token&refresh_token=${refreshToken}`;
    const refresh = tokenRequest('/oauth/token', shared.client.id, shared.clientSecret, fields);
    const second = await accessToken(url, refresh);
    connections.clientCredentials.push(byClient);
    connections.refreshes.push(refresh);
    for (const token of [first, second]) {
      connections.accessTokens.push({ token, endpointKey: directory.endpointKey });
    }
  }

  for (let done = 0; done < count; done += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, connectOne));
  }
  return connections;
}

export function tokenRequest(path: string, clientId: string, secret: string, fields: string): LoadRequest {
  return {
    method: 'POST',
    path,
    headers: {
      Authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: fields,
  };
}

export async function accessToken(url: string, { path, ...init }: LoadRequest): Promise<string> {
  const answer = await fetch(url + path, init);
  const body = (await answer.json()) as Answer;
  if (typeof body.access_token !== 'string') throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
  return body.access_token;
}
