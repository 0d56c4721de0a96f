/**
 * `npm run demo`: the life of a SCIM token in half a minute, with real processes on a temporary store: Latchkey, and behind it a SCIM server
 * that we did not write. No whole token is shown, only the last four characters, as Latchkey itself shows them.
 */
import { randomBytes } from 'node:crypto';
import { type Answer, type Api, createApi } from '../support/api.ts';
import { PROCESS_OWNER_KEY } from '../support/process.ts';
import { byHand } from './by-hand.ts';
import { createProcesses } from './processes.ts';
import { heading, note, plain, step, table, title } from './screen.ts';
import { createScimClient, pushUsers, type ScimClient, startTraffic } from './traffic.ts';

const USERS = 50;
const WORKERS = 4;
/** How long traffic goes on with each token before and after the switch. */
const SETTLE_MS = 700;

const startedAt = performance.now();
const processes = createProcesses();
let cleaning: Promise<void> | undefined;
const cleanUp = () => {
  cleaning ??= processes.cleanUp();
  return cleaning;
};
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(code)));
}

try {
  await demo();
  await cleanUp();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  plain('');
  note(`Done in ${seconds} s. The processes have ended and the temporary store is removed.`);
  plain('');
} catch (error) {
  // What is under way fails when the processes are ended by a signal; that is no failure to report.
  if (!cleaning) {
    plain('', ...(error instanceof Error ? error.message : String(error)).split('\n'));
    process.exitCode = 1;
  }
} finally {
  await cleanUp();
}

interface Scene {
  api: Api;
  client: ScimClient;
  directory: Answer;
  old: Answer;
}

async function demo(): Promise<void> {
  title(
    'Latchkey demo',
    'An identity provider pushes users through Latchkey into a SCIM server, while its token is rotated,',
    'a token of another system is brought along, and one is revoked.',
  );
  const { api, scim } = await start();
  const scene = await connect(api, scim);
  const ids = await push(scene);
  await rotate(scene, ids);
  const imported = await bringAlong(scene);
  await revoke(scene, imported);
  await lookBack(scene);
  heading('By hand');
  plain(...byHand());
}

async function start(): Promise<{ api: Api; scim: string }> {
  heading('Start');
  let [scim, url, key] = ['', '', ''];
  await step('starting a SCIM server', async () => {
    scim = await processes.startScimServer();
    return `SCIM server (scimmy) at ${scim}`;
  });
  await step('starting Latchkey', async () => {
    url = await processes.startLatchkey();
    return `Latchkey on an empty store at ${url}`;
  });
  const owner = createApi(url, PROCESS_OWNER_KEY);
  await step('making an API key', async () => {
    key = expected(201, await owner.post('/api-keys', { name: 'onboarding script', role: 'admin' })).key;
    return 'API key with the role admin, for what follows';
  });
  return { api: owner.as(key), scim };
}

async function connect(api: Api, upstreamUrl: string): Promise<Scene> {
  heading('Connect a customer');
  let organization: Answer;
  let directory: Answer;
  let issued: { credential: Answer; token: string } | undefined;
  await step('making an organization', async () => {
    organization = expected(201, await api.post('/organizations', { name: 'Northwind Traders' }));
    return `organization ${organization.name}`;
  });
  await step('making a directory', async () => {
    const fields = { name: 'Okta production', provider: 'okta', endpointKey: 'northwind-okta', upstreamUrl };
    directory = await api.makeDirectory({ organizationId: organization.id, ...fields });
    return `directory ${directory.name}, endpoint ${directory.endpointUrl}`;
  });
  await step('issuing a token', async () => {
    issued = await api.issue(directory.id, { label: 'first token' });
    return `token …${issued.credential.hint} in slot ${issued.credential.slot}; the IdP gets it, Latchkey keeps its SHA-256`;
  });
  if (!issued) throw new Error('no token was issued');
  return { api, directory, client: createScimClient(directory.endpointUrl, issued.token), old: issued.credential };
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
  const traffic = startTraffic(client, ids, WORKERS);
  const flow = (show: (text: string) => void) =>
    watched(() => show(`${traffic.requests} requests, ${traffic.failed} failed`));
  let fresh: { credential: Answer; token: string } | undefined;
  await step('traffic with the old token', async (show) => {
    await flow(show);
    return `traffic goes on with …${old.hint}, ${WORKERS} requests at a time`;
  });
  await step('rotating', async () => {
    fresh = expected(
      201,
      await api.post(`/directories/${directory.id}/rotate`, {
        mode: 'overlap',
        retire: 'when-replaced',
        label: 'second token',
      }),
    );
    return `new token …${fresh?.credential.hint} in slot ${fresh?.credential.slot}; both are accepted`;
  });
  await step('switching the client to the new token', async (show) => {
    client.use(fresh?.token ?? '');
    await traffic.turn();
    await flow(show);
    return `the client uses …${fresh?.credential.hint}`;
  });
  await step('retiring the old token', async () => {
    const retired = expected(200, await api.post(`/credentials/${old.id}/retire`));
    return `the old token …${old.hint} is ${retired.state}; no instance accepts it from here on`;
  });
  await step('traffic with the new token', async (show) => {
    await flow(show);
    await traffic.stop();
    return `${traffic.requests} requests during the rotation, failed requests: ${traffic.failed}`;
  });
  if (traffic.failed > 0) throw new Error('Requests failed during the rotation.');
}

async function bringAlong({ api, client, directory }: Scene): Promise<Answer> {
  heading('Bring a token of another system along');
  const value = `ssoready_scim_bearer_token_${BigInt(`0x${randomBytes(16).toString('hex')}`)
    .toString(36)
    .padStart(25, '0')}`;
  let imported: Answer;
  await step('importing', async () => {
    const path = `/directories/${directory.id}/credentials/import`;
    const reply = await api.post(path, { ssoreadyToken: value, label: 'from SSOReady' });
    imported = expected(201, reply).credential;
    return `an SSOReady token …${imported.hint} is imported into slot ${imported.slot}; the IdP keeps what it has`;
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
    return `the first try is held back: ${status} ${body.code}, it was used a moment ago`;
  });
  await step('revoking with force', async () => {
    const revoked = expected(
      200,
      await api.post(`/credentials/${credential.id}/revoke`, { force: true, reason: 'end of the demo' }),
    );
    return `with force: ${revoked.state}, and acknowledged once nobody accepts it any more`;
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
  const { items: credentials } = expected(200, await api.get(`/directories/${directory.id}/credentials`));
  table([
    ['token', 'label', 'slot', 'state', 'accepted', 'refused', 'last used'],
    ...credentials.map((one: Answer) => [
      `…${one.hint}`,
      one.label ?? '',
      one.state === 'active' ? one.slot : '',
      one.state,
      String(one.acceptedCount),
      String(one.refusedCount),
      one.lastUsedAt === null
        ? 'never'
        : `${clockTime(one.lastUsedAt)} from ${one.lastUsedFrom.address} by ${one.lastUsedFrom.userAgent}`,
    ]),
  ]);
  heading('Audit trail, latest first');
  const { items: events } = expected(200, await api.get(`/events?organizationId=${directory.organizationId}`));
  table([
    ['time', 'event', 'who', 'what'],
    ...events.map((event: Answer) => [clockTime(event.at), event.type, event.actor.name, told(event)]),
  ]);
}

/** The part of an event that a person looks for. */
function told({ data }: Answer): string {
  const parts = [
    data.name ?? (data.hint && `token …${data.hint}`),
    data.slot && `slot ${data.slot}`,
    data.reason,
    data.count > 1 && `${data.count} times`,
    data.forced && 'forced',
  ];
  return parts.filter(Boolean).join(', ');
}

function clockTime(iso: string): string {
  return iso.slice(11, 19);
}

function expected(status: number, reply: { status: number; body: Answer }): Answer {
  if (reply.status !== status) throw new Error(`Wanted ${status}, got ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

/** Lets things run for a while and shows how they go. */
async function watched(show: () => void): Promise<void> {
  const until = performance.now() + SETTLE_MS;
  while (performance.now() < until) {
    show();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
