/**
 * Customers of a storm: each is a directory with an identity provider that asks what it asks, administrators who change its credentials, and a
 * bystander who presents what is known of it to every instance, ended or not. Whatever fails is tried again, as people and machines do.
 */
import type { History } from '../replica-set/history.ts';
import type { Dice } from '../replica-set/scheduler.ts';
import type { Answer, Api } from '../support/api.ts';
import { createApi } from '../support/api.ts';
import { createAuthentikClient } from '../support/authentik-client.ts';
import { MINUTE } from '../support/clock.ts';
import { createEntraClient } from '../support/entra-client.ts';
import { welcomeItContact } from '../support/it-contact.ts';
import { ask, makeClient, type OauthClient, REDIRECT_URI } from '../support/oauth-client.ts';
import { createOktaClient } from '../support/okta-client.ts';
import { createPingoneClient } from '../support/pingone-client.ts';
import { PROCESS_OWNER_KEY } from '../support/process.ts';
import { createSailpointClient } from '../support/sailpoint-client.ts';
import { pause } from '../support/traffic.ts';
import type { Observer } from './observer.ts';

export const PROVIDERS = ['okta', 'entra', 'sailpoint', 'pingone', 'authentik', 'generic'] as const;
export type Provider = (typeof PROVIDERS)[number];

const CYCLE_MS = 900;
const CHANGE_MS = 2000;
const PRESENTING_MS = 300;
/** By which an identity provider's own clock goes on in each cycle: it gets a new access token every few cycles. */
const CYCLE_TAKES_MS = 20 * MINUTE;
const SOON_MS = 30 * MINUTE;

export interface Town {
  history: History;
  observer: Observer;
  /** Origins of the instances, and of what stands in front of them. */
  instanceUrls: readonly string[];
  balancerUrl: string;
  upstreamUrl: string;
}

interface Connection {
  client: OauthClient;
  cycle(): Promise<unknown>;
  refreshToken?: () => string;
}

export async function liveAsCustomer(
  town: Town,
  { provider, dice, isOver }: { provider: Provider; dice: Dice; isOver: () => boolean },
): Promise<void> {
  const { history, observer, instanceUrls, balancerUrl, upstreamUrl } = town;
  const urls = [balancerUrl, ...instanceUrls];
  const anyApi = () => createApi(dice.chance(0.6) ? balancerUrl : dice.pick(instanceUrls), PROCESS_OWNER_KEY);
  const directory: Answer = await untilDone(() =>
    createApi(balancerUrl, PROCESS_OWNER_KEY).makeDirectory({ provider, upstreamUrl }),
  );
  if (directory === undefined) return;
  const directoryId: string = directory.id;
  let connection: Connection | undefined;
  let idpNow = Date.now();
  await Promise.all([repeat(CYCLE_MS, beProvider), repeat(CHANGE_MS, change), repeat(PRESENTING_MS, presentOne)]);

  async function untilDone<T>(work: () => Promise<T>): Promise<T | undefined> {
    while (!isOver()) {
      try {
        return await work();
      } catch {
        await pause(500);
      }
    }
    return undefined;
  }

  async function repeat(everyMs: number, work: () => Promise<unknown>): Promise<void> {
    while (!isOver()) {
      await work().catch(() => undefined);
      await pause(everyMs / 2 + dice.below(everyMs));
    }
  }

  async function beProvider(): Promise<void> {
    if (provider === 'generic') return presentOne();
    idpNow += CYCLE_TAKES_MS;
    connection ??= await connect();
    const { client, refreshToken, cycle } = connection;
    // Two of its workers find that the token is due.
    const twice = refreshToken && dice.chance(0.3) ? [raw(client, refreshToken()), raw(client, refreshToken())] : [];
    await Promise.all([cycle(), ...twice]);
  }

  function raw(client: OauthClient, refreshToken: string): Promise<unknown> {
    return ask({ url: dice.pick(urls) }, client, { grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  /** A client of its own for each try: nobody can know what became of one that got no answer. */
  async function connect(): Promise<Connection> {
    const api = createApi(balancerUrl, PROCESS_OWNER_KEY);
    const target = { url: balancerUrl, api };
    const { body } = await api.get(`/directories/${directoryId}/credentials`);
    const holders = (body.items as Answer[]).filter(({ slot }) => slot !== null && slot !== undefined);
    const replaced = holders.length === 2 ? (dice.pick(holders).id as string) : undefined;
    const takesCode = provider === 'okta' || provider === 'authentik' || (provider === 'entra' && dice.chance(0.5));
    const client = await makeClient(target, {
      name: provider,
      provider,
      directoryId,
      rotateRefreshTokens: dice.chance(0.7),
      redirectUris: takesCode ? [REDIRECT_URI] : undefined,
    });
    const settings = {
      authorizeUrl: `${balancerUrl}/oauth/authorize`,
      tokenUrl: `${balancerUrl}/oauth/token`,
      clientId: client.id,
      clientSecret: client.secret,
      scimUrl: directory.endpointUrl as string,
      redirectUri: REDIRECT_URI,
      now: () => new Date(idpNow),
    };
    const about = { kind: 'connect', directoryId, credentialId: client.id, by: 'balancer' } as const;
    const act = { ...about, ...(replaced !== undefined && { replaces: observer.nameOf(replaced) }) };
    const choice = replaced === undefined ? {} : { [`replaces-${directoryId}`]: replaced };
    const consent = async (idp: { authorizationUrl(): string; finish(callback: URL): Promise<void> }) => {
      const contact = await welcomeItContact(balancerUrl, api, directory.organizationId);
      await idp.finish(await contact.allow(idp.authorizationUrl(), choice));
      return { status: 201, body: {} };
    };
    const noted = <T extends { status: number; body: unknown }>(work: () => Promise<T>) => history.act(act, work);

    if (provider === 'okta') {
      const okta = createOktaClient({ ...settings, pkce: dice.chance(0.5) });
      await noted(() => consent(okta));
      return {
        client,
        cycle: () => okta.scim('GET', '/Users?count=1'),
        refreshToken: () => okta.tokens().refreshToken,
      };
    }
    if (provider === 'authentik') {
      const authentik = createAuthentikClient(settings);
      await noted(() => consent(authentik));
      const refreshToken = () => authentik.connection().refreshToken;
      return { client, cycle: () => authentik.scim('GET', '/Users?count=1'), refreshToken };
    }
    if (provider === 'entra') {
      const identity = { clientId: client.id, clientSecret: client.secret, secretIn: 'header' } as const;
      const entra = createEntraClient({ ...settings, identity, ...(takesCode && { code: settings }) });
      if (takesCode) await noted(() => consent(entra));
      return { client, cycle: () => entra.testConnection() };
    }
    if (provider === 'pingone') {
      const pingone = createPingoneClient({ ...settings, secretIn: 'body', tokenType: 'Bearer' });
      return { client, cycle: () => pingone.scim('GET', '/Users?count=1') };
    }
    const { body: made } = await noted(() =>
      api.post(`/directories/${directoryId}/connections`, {
        clientId: client.id,
        ...(replaced && { replaces: replaced }),
      }),
    );
    const refreshToken: string = made.refreshToken ?? fail(made);
    const sailpoint = createSailpointClient({ ...settings, refreshToken, inBodyToo: true });
    return { client, cycle: () => sailpoint.testConnection(), refreshToken: () => refreshToken };
  }

  async function change(): Promise<void> {
    const api = anyApi();
    const listed = await api.get(`/directories/${directoryId}/credentials?state=active`);
    const held = (listed.body?.items ?? []) as Answer[];
    const one = held.length > 0 ? dice.pick(held) : undefined;
    const kind = dice.pick([
      'issue',
      'issue',
      'rotate',
      'rotate',
      'revoke',
      'disable',
      'disable',
      'reconnect',
    ] as const);
    if (kind === 'issue') await issue(api);
    else if (kind === 'rotate')
      await api.post(`/directories/${directoryId}/rotate`, { mode: dice.pick(['overlap', 'immediate']) });
    else if (kind === 'reconnect') connection = undefined;
    else if (one === undefined) return;
    else if (kind === 'revoke') {
      // Each instance has it in its memory, and is asked for it as soon as the answer is there.
      await presentEverywhere(one.id);
      await api.post(`/credentials/${one.id}/revoke`, { force: true });
      await presentEverywhere(one.id);
      // Its administrator hears of it, and connects anew.
      if (one.clientId === connection?.client.id) connection = undefined;
    } else {
      await presentEverywhere(one.id);
      await api.post(`/credentials/${one.id}/disable`);
      await presentEverywhere(one.id);
      await pause(dice.below(3000));
      await untilDone(async () => {
        const { status } = await anyApi().post(`/credentials/${one.id}/enable`);
        if (status >= 500) throw new Error(`${status}`);
      });
    }
  }

  async function issue(api: Api): Promise<void> {
    const fields = dice.chance(0.3) ? { expiresAt: new Date(Date.now() + SOON_MS).toISOString() } : {};
    if (dice.chance(0.5)) {
      await api.post(`/directories/${directoryId}/credentials`, fields);
      return;
    }
    // It got no answer, and asks again with the same key.
    const headers = { 'idempotency-key': `storm-${dice.below(1_000_000_000)}` };
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await anyApi()
        .post(`/directories/${directoryId}/credentials`, fields, headers)
        .catch(() => undefined);
      if (answer && answer.status < 500 && dice.chance(0.8)) return;
      await pause(300);
    }
  }

  async function presentEverywhere(id: string): Promise<void> {
    const name = observer.nameOf(id);
    const { token } = observer.presentable(directoryId).findLast(({ credentialId }) => credentialId === name) ?? {};
    if (token === undefined) return;
    const headers = { authorization: `Bearer ${token}` };
    const asked = instanceUrls.map((url) => drained(`${url}/auth/verify?directory=${directoryId}`, headers));
    await Promise.allSettled(asked);
  }

  async function presentOne(): Promise<void> {
    const known = observer.presentable(directoryId);
    if (known.length === 0) return;
    // The latest are those that hold slots.
    const { token } = dice.chance(0.7) ? dice.pick(known.slice(-4)) : dice.pick(known);
    const headers = { authorization: `Bearer ${token}` };
    const url = dice.pick(urls);
    if (dice.chance(0.5)) await drained(`${url}/auth/verify?directory=${directoryId}`, headers);
    else await drained(`${url}${new URL(directory.endpointUrl).pathname}/Users?count=1`, headers);
  }
}

async function drained(url: string, headers: Record<string, string>): Promise<void> {
  await (await fetch(url, { headers })).arrayBuffer();
}

function fail(answer: unknown): never {
  throw new Error(`not connected: ${JSON.stringify(answer)}`);
}
