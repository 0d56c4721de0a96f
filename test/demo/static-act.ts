/** The first act: one directory whose identity provider has a static token, which is rotated, joined by an imported one, and revoked. */
import { randomBytes } from 'node:crypto';
import type { Answer, Api } from '../support/api.ts';
import { expected, showCredentials, showEvents } from './admin.ts';
import { heading, note, step } from './screen.ts';
import { createScimClient, pushUsers, type ScimClient, startTraffic, WORKERS } from './traffic.ts';

const USERS = 50;

interface Scene {
  api: Api;
  organization: Answer;
  directory: Answer;
  client: ScimClient;
  old: Answer;
}

/** Gives the organization that it made, and the ids of the users that it pushed. */
export async function staticAct(api: Api, upstreamUrl: string): Promise<{ organization: Answer; ids: string[] }> {
  const scene = await connect(api, upstreamUrl);
  const ids = await push(scene);
  await rotate(scene, ids);
  const imported = await bringAlong(scene);
  await revoke(scene, imported);
  await lookBack(scene);
  return { organization: scene.organization, ids };
}

async function connect(api: Api, upstreamUrl: string): Promise<Scene> {
  heading('Connect a customer');
  let organization: Answer;
  let directory: Answer;
  let issued: { credential: Answer; token: string } | undefined;
  await step('creating an organization', async () => {
    organization = expected(201, await api.post('/organizations', { name: 'Northwind Traders' }));
    return `organization ${organization.name}`;
  });
  await step('creating a directory', async () => {
    const fields = { name: 'Okta production', provider: 'okta', endpointKey: 'northwind-okta', upstreamUrl };
    directory = await api.makeDirectory({ organizationId: organization.id, ...fields });
    return `directory ${directory.name}, endpoint ${directory.endpointUrl}`;
  });
  await step('issuing a token', async () => {
    issued = await api.issue(directory.id, { label: 'first token' });
    return `token …${issued.credential.hint} in slot ${issued.credential.slot}; the IdP gets it, Latchkey keeps its SHA-256`;
  });
  if (!issued) throw new Error('no token was issued');
  return {
    api,
    organization,
    directory,
    client: createScimClient(directory.endpointUrl, issued.token),
    old: issued.credential,
  };
}

async function push({ client }: Scene): Promise<string[]> {
  heading('Push users');
  let ids: string[] = [];
  await step('pushing users', async (show) => {
    ids = await pushUsers(client, USERS, (done) => show(`${done} of ${USERS} users pushed`));
    const [users, groups] = await Promise.all(
      ['/Users?count=1', '/Groups?count=1'].map((path) => client.request('GET', path)),
    );
    return `${users?.body.totalResults} users and ${groups?.body.totalResults} group are in the SCIM server, pushed through the gateway`;
  });
  return ids;
}

async function rotate({ api, client, directory, old }: Scene, ids: string[]): Promise<void> {
  heading('Rotate the token under traffic');
  const traffic = startTraffic(client.request, ids, WORKERS);
  try {
    let fresh: { credential: Answer; token: string } | undefined;
    await step('traffic with the old token', async (show) => {
      await traffic.flow(show);
      return `traffic continues with …${old.hint}, ${WORKERS} requests at a time`;
    });
    await step('rotating', async () => {
      fresh = expected(
        201,
        await api.post(`/directories/${directory.id}/rotate`, {
          mode: 'overlap',
          retire: 'manual',
          label: 'second token',
        }),
      );
      return `new token …${fresh?.credential.hint} in slot ${fresh?.credential.slot}; both are accepted`;
    });
    await step('switching the client to the new token', async (show) => {
      client.use(fresh?.token ?? '');
      await traffic.turn();
      await traffic.flow(show);
      return `the client uses …${fresh?.credential.hint}`;
    });
    await step('retiring the old token', async () => {
      const retired = expected(200, await api.post(`/credentials/${old.id}/retire`));
      return `the old token …${old.hint} is ${retired.state}; no instance accepts it anymore`;
    });
    await step('traffic with the new token', async (show) => {
      await traffic.flow(show);
      await traffic.stop();
      return `${traffic.requests} requests during the rotation, failed requests: ${traffic.failed}`;
    });
  } finally {
    await traffic.stop();
  }
  if (traffic.failed > 0) throw new Error('Requests failed during the rotation.');
}

async function bringAlong({ api, client, directory }: Scene): Promise<Answer> {
  heading('Import a token from another system');
  const value = `ssoready_scim_bearer_token_${BigInt(`0x${randomBytes(16).toString('hex')}`)
    .toString(36)
    .padStart(25, '0')}`;
  let imported: Answer;
  await step('importing', async () => {
    const path = `/directories/${directory.id}/credentials/import`;
    const reply = await api.post(path, { ssoreadyToken: value, label: 'from SSOReady' });
    imported = expected(201, reply).credential;
    return `an SSOReady token …${imported.hint} is imported into slot ${imported.slot}; the IdP keeps using it`;
  });
  await step('using it', async () => {
    client.use(value);
    const { status, body } = await client.request(
      'GET',
      '/Users?filter=userName%20eq%20%22user07%40northwind.example%22',
    );
    return `GET /Users with it: ${status}, ${body.Resources?.[0]?.userName}`;
  });
  return imported;
}

async function revoke({ api, client }: Scene, credential: Answer): Promise<void> {
  heading('Revoke it');
  await step('revoking', async () => {
    const { status, body } = await api.post(`/credentials/${credential.id}/revoke`);
    return `the first attempt is refused: ${status} ${body.code}, because it was used a moment ago`;
  });
  await step('revoking with force', async () => {
    const revoked = expected(
      200,
      await api.post(`/credentials/${credential.id}/revoke`, { force: true, reason: 'end of the demo' }),
    );
    return `with force: ${revoked.state}, and confirmed once no instance accepts it`;
  });
  let refused: Awaited<ReturnType<ScimClient['request']>> | undefined;
  await step('using the revoked token', async () => {
    refused = await client.request('GET', '/Users?count=1');
    return `GET /Users with it: ${refused.status}`;
  });
  const [challenge = '', ...parts] = (refused?.headers.get('www-authenticate') ?? '').split(', ');
  note(`WWW-Authenticate: ${challenge}`);
  for (const part of parts) note(`                  ${part}`);
  const denied = expected(200, await api.get(`/credentials/${credential.id}/events?type=request.denied&limit=1`))
    .items[0];
  note(
    `the audit trail:  ${denied.data.reason} (token …${denied.data.hint}, from ${denied.address} by ${denied.data.userAgent})`,
  );
}

async function lookBack({ api, directory }: Scene): Promise<void> {
  heading('Last used');
  await showCredentials(api, directory.id);
  heading('Audit trail, latest first');
  await showEvents(api, directory.organizationId);
}
