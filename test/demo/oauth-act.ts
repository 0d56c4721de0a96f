/** The second act: a directory whose identity provider has a static token is connected by OAuth while its traffic goes on. */
import type { Answer, Api } from '../support/api.ts';
import { createItContact, type ItContact, makeLink } from '../support/it-contact.ts';
import { createOktaClient, type OktaClient } from '../support/okta-client.ts';
import { clockTime, expected, showCredentials, showEvents } from './admin.ts';
import { heading, note, step } from './screen.ts';
import { createScimClient, type Send, startTraffic, type Traffic, WORKERS } from './traffic.ts';

/** How long a replaced token must be quiet to retire: an hour unless set, which is too long to watch. */
export const QUIET_SECONDS = 1;
/** How often the access token becomes due. It lives for 15 minutes at least, so Okta's clock goes ahead and Latchkey's does not. */
const LIFETIMES = 3;
const PATIENCE_MS = 60_000;

export interface OauthScene {
  /** Latchkey's, and that of the SCIM server behind it. */
  url: string;
  scim: string;
  api: Api;
  organization: Answer;
  /** Users that are in the SCIM server. */
  ids: string[];
}

interface Connecting extends OauthScene {
  directory: Answer;
  client: Answer;
  /** The static token's credential, and a request by it. */
  old: Answer;
  byToken: Send;
  okta: OktaClient;
  /** Puts Okta's clock so much ahead. */
  ahead(ms: number): void;
}

export async function oauthAct(scene: OauthScene): Promise<void> {
  const startedAt = new Date();
  const connecting = await prepare(scene);
  await move(connecting);
  await lookBack(connecting, startedAt);
}

async function prepare(scene: OauthScene): Promise<Connecting> {
  const { url, api, scim: upstreamUrl, organization } = scene;
  heading('A second directory: from a static token to OAuth');
  note('Okta and the browser of the IT contact are simulated, as far as their behavior is known.');
  let [directory, issued, made]: Answer[] = [];
  await step('creating a directory', async () => {
    const fields = { name: 'Okta workforce', provider: 'okta', endpointKey: 'northwind-workforce', upstreamUrl };
    directory = await api.makeDirectory({ organizationId: organization.id, ...fields });
    issued = await api.issue(directory.id, { label: 'pasted token' });
    return `directory ${directory.name}; its IdP has the static token …${issued.credential.hint}, in slot ${issued.credential.slot}`;
  });
  await step('creating an OAuth client', async () => {
    const fields = { name: 'Okta', provider: 'okta', directoryId: directory.id, appName: 'northwind_scim_1' };
    made = expected(201, await api.post('/clients', fields));
    const { secrets, redirectUris } = made.client;
    return `OAuth client of this directory, secret …${secrets[0].hint}; ${redirectUris.length} redirect URIs known for Okta`;
  });
  let lead = 0;
  const okta = createOktaClient({
    authorizeUrl: `${url}/oauth/authorize`,
    tokenUrl: `${url}/oauth/token`,
    clientId: made.client.id,
    clientSecret: made.clientSecret,
    scimUrl: directory.endpointUrl,
    redirectUri: made.client.redirectUris[0],
    now: () => new Date(Date.now() + lead),
  });
  return {
    ...scene,
    directory,
    client: made.client,
    old: issued.credential,
    byToken: createScimClient(directory.endpointUrl, issued.token).request,
    okta,
    ahead(ms) {
      lead += ms;
    },
  };
}

async function move(scene: Connecting): Promise<void> {
  const { old, byToken, okta, ids } = scene;
  heading('Connect it under traffic');
  let send = byToken;
  const traffic = startTraffic((...request) => send(...request), ids, WORKERS);
  try {
    await step('traffic with the static token', async (show) => {
      await traffic.flow(show);
      return `traffic continues with the static token …${old.hint}, ${WORKERS} requests at a time`;
    });
    await consent(scene, () => {
      send = okta.scim;
    });
    await step('traffic with the access token', async (show) => {
      await traffic.turn();
      await traffic.flow(show);
      return `Okta sends its access token …${okta.tokens().accessToken.slice(-4)} instead of the static token`;
    });
    await refresh(scene, traffic);
    await retirement(scene, traffic);
  } finally {
    await traffic.stop();
  }
  note(`${traffic.requests} requests on the way from the static token to OAuth, failed requests: ${traffic.failed}`);
  if (traffic.failed > 0) throw new Error('Requests failed on the way to OAuth.');
}

/** What a person does: Okta's console, the portal link, the consent page. Then the code is exchanged, and `connected` told at once. */
async function consent({ url, api, organization, directory, old, okta }: Connecting, connected: () => void) {
  const contact: ItContact = createItContact(url);
  await step('starting in the Okta console', async () => {
    const waiting = await contact.browser.open(okta.authorizationUrl());
    return `the IT contact selects Authenticate in Okta: “${headingOf(waiting)}”, with a portal link`;
  });
  let page: Awaited<ReturnType<ItContact['enter']>> | undefined;
  await step('opening a portal link', async () => {
    page = await contact.enter((await makeLink(api, organization.id)).url);
    return `they open the link, which works once, and continue; the request continues: “${headingOf(page)}”`;
  });
  const choice = `replaces-${directory.id}`;
  let callback: URL | undefined;
  await step('consenting', async () => {
    if (!page?.html.includes(`name="${choice}" value="${old.id}"`)) throw new Error('The page offers no replacement.');
    callback = await contact.decide(page, { decision: 'allow', [choice]: old.id });
    return `they choose “Replace it” for …${old.hint} and Allow; back to ${callback.host} with a code`;
  });
  await step('exchanging the code', async () => {
    if (!callback) throw new Error('There is no answer.');
    await okta.finish(callback);
    connected();
    const { accessToken, refreshToken } = okta.tokens();
    return `Okta is connected: access token …${accessToken.slice(-4)}, refresh token …${refreshToken.slice(-4)}`;
  });
}

async function refresh({ okta, client, ahead }: Connecting, traffic: Traffic): Promise<void> {
  await step('refreshing', async () => {
    for (let lifetime = 0; lifetime < LIFETIMES; lifetime++) {
      ahead(client.accessTokenSeconds * 1000);
      await traffic.turn();
    }
    return `Okta's clock goes ${client.accessTokenSeconds / 60} minutes ahead, ${LIFETIMES} times: refreshed ${okta.refreshCount()} times`;
  });
  if (okta.refreshCount() > LIFETIMES)
    note(
      `Its ${WORKERS} workers do not wait for each other: several refreshed at the same time with one refresh token.`,
    );
}

async function retirement({ api, old }: Connecting, traffic: Traffic): Promise<void> {
  await step('waiting for the static token to retire', async (show) => {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const { state, rotation } = expected(200, await api.get(`/credentials/${old.id}`));
      if (state === 'revoked') break;
      if (performance.now() > until) throw new Error(`The static token did not retire: ${JSON.stringify(rotation)}`);
      show(`the static token is ${rotation?.status.replaceAll('_', ' ')}; ${traffic.requests} requests`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return `the static token …${old.hint} ended automatically: it was replaced, and unused for ${QUIET_SECONDS} s (an hour by default)`;
  });
}

async function lookBack({ api, organization, directory, old, byToken }: Connecting, startedAt: Date): Promise<void> {
  heading('What the API says about it');
  await step('using the static token', async () => {
    const { status } = await byToken('GET', '/Users?count=1');
    return `GET /Users with the static token: ${status}`;
  });
  const { revokedBy, revokedReason, state } = expected(200, await api.get(`/credentials/${old.id}`));
  note(`it was ${state} by ${revokedBy.name}: ${revokedReason}`);
  const { items } = expected(200, await api.get(`/directories/${directory.id}/credentials?state=active`));
  for (const { id, authorizedBy, lastRefreshedAt, accessTokenExpiresAt, expiresAt } of items) {
    note(`${id}: authorized by ${authorizedBy.name}, last refreshed ${clockTime(lastRefreshedAt)},`);
    note(`access token until ${clockTime(accessTokenExpiresAt)}, the connection ${expiresAt ?? 'without an end'}`);
  }
  await showCredentials(api, directory.id);
  heading('Audit trail of the second directory, latest first');
  await showEvents(api, organization.id, startedAt);
}

function headingOf({ html }: { html: string }): string {
  return /<h1>(.*?)<\/h1>/.exec(html)?.[1] ?? 'no heading';
}
