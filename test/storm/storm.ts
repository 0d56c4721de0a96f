/** A storm: three instances behind HAProxy on one MongoDB, customers who use them, and everything that goes wrong meanwhile. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHistory, type History } from '../replica-set/history.ts';
import { createDice } from '../replica-set/scheduler.ts';
import { type Answer, createApi } from '../support/api.ts';
import { createMongoServer } from '../support/mongo-server.ts';
import { PROCESS_OWNER_KEY } from '../support/process.ts';
import { pause, until } from '../support/traffic.ts';
import { createBalancer } from './balancer.ts';
import { liveAsCustomer, PROVIDERS, type Town } from './customers.ts';
import { type Fault, startFaults } from './faults.ts';
import { createInstance, type Instance } from './instances.ts';
import { startObserver } from './observer.ts';

const INSTANCES = 3;
/** How long a customer stays, in seconds: an hour sees hundreds of them. */
const STAYS_S = { least: 30, most: 90 };
const PATIENCE_MS = 60_000;
const RECOVERY_MS = 15_000;

export interface Storm {
  history: History;
  faults: ReadonlyMap<Fault, number>;
  /** What ended though nobody ended it. */
  crashes: string[];
  requests(): number;
  customers(): number;
  /** Lets customers come and go, and everything go wrong meanwhile. */
  blow(seconds: number): Promise<void>;
  /** Puts everything right, and looks at what is left. */
  calm(): Promise<void>;
  close(): Promise<void>;
}

export async function prepareStorm(seed: string): Promise<Storm> {
  const server = await createMongoServer();
  const upstream = await startUpstream();
  const balancer = await createBalancer();
  const crashes: string[] = [];
  const instances: Instance[] = [];
  const history = createHistory(() => performance.now());
  const origins = new Map([[balancer.url, 'balancer']]);
  const onCrash = (what: string) => void crashes.push(what);
  for (let n = 1; n <= INSTANCES; n++) {
    const instance = await createInstance(`instance ${n}`, { server, publicUrl: balancer.url, onCrash });
    instances.push(instance);
    origins.set(instance.url, instance.name);
    await instance.start();
  }
  balancer.start(instances.map(({ port }) => port));
  const found = async () => (await statusOf(`${balancer.url}/healthz`)) === 200;
  await until('HAProxy has found an instance', PATIENCE_MS, found);
  const observer = startObserver(history, origins);
  const instanceUrls = instances.map(({ url }) => url);
  const town: Town = { history, observer, instanceUrls, balancerUrl: balancer.url, upstreamUrl: upstream.url };
  const counts = new Map<Fault, number>();
  let customers = 0;

  return {
    history,
    faults: counts,
    crashes,
    requests: observer.requests,
    customers: () => customers,
    async blow(seconds) {
      const endsAt = performance.now() + seconds * 1000;
      const faults = startFaults(seed, instances, counts);
      const streets = PROVIDERS.map(async (provider) => {
        while (performance.now() < endsAt) {
          const dice = createDice(`${seed} customer ${++customers}`);
          const leavesAt = performance.now() + 1000 * (STAYS_S.least + dice.below(STAYS_S.most - STAYS_S.least));
          const isOver = () => performance.now() > Math.min(leavesAt, endsAt);
          await liveAsCustomer(town, { provider, dice, isOver });
        }
      });
      await Promise.all(streets);
      await faults.end();
    },
    async calm() {
      for (const { network, setClock, end, start } of instances) {
        network.heal();
        setClock(0);
        await end('SIGTERM');
        await start();
      }
      // What a process that was killed left half done is finished by the rounds of those that are left.
      await pause(RECOVERY_MS);
      history.isQuiet();
      await lookAtTheEnd(town);
    },
    async close() {
      observer.stop();
      await balancer.stop();
      await Promise.all(instances.map((instance) => instance.close()));
      await upstream.close();
      await server.stop();
    },
  };
}

const MOST_READINGS = 60;

function isWhole({ status, body }: { status: number; body: { types: string[] } }): boolean {
  return status < 500 && body.types.includes('credential.issued');
}

/** Asks for each credential that was given out, and presents each token. */
async function lookAtTheEnd({ history, observer, instanceUrls }: Town): Promise<void> {
  const [url = ''] = instanceUrls;
  const api = createApi(url, PROCESS_OWNER_KEY);
  const tokens = [...new Map(history.tokens.map((token) => [token.credentialId, token])).values()];
  const successors = new Map<string, string>();
  const reasons = new Map<string, string>();
  for (const directoryId of new Set(tokens.map((token) => token.directoryId))) {
    const { body } = await api.get(`/directories/${directoryId}/credentials?limit=200`);
    for (const { id, rotation, revokedReason } of body.items as Answer[]) {
      if (rotation) successors.set(observer.nameOf(id), observer.nameOf(rotation.successorId));
      if (revokedReason !== null) reasons.set(observer.nameOf(id), revokedReason);
    }
  }
  for (const { directoryId, credentialId, token } of tokens) {
    const about = { directoryId, credentialId, by: 'end' };
    await history.act({ kind: 'verify', ...about, presented: token }, async () => ({
      status: await statusOf(`${url}/auth/verify?directory=${directoryId}`, token),
      body: { successor: successors.get(credentialId), revokedReason: reasons.get(credentialId) },
    }));
    if (!credentialId.startsWith('cred_')) continue;
    await history.act({ kind: 'read', ...about }, async () => {
      const read = async () => {
        const { status, body } = await api.get(`/credentials/${credentialId}`);
        const events = await api.get(`/credentials/${credentialId}/events?limit=200`);
        const types = ((events.body.items ?? []) as { type: string }[]).map(({ type }) => type);
        return { status, body: { state: body.state, types } };
      };
      let answer = await read();
      // A busy machine answers 503, and its rounds take longer to hand on the events of what was killed half way: both are no loss.
      for (let tries = 0; tries < MOST_READINGS && !isWhole(answer); tries++) {
        await pause(1000);
        answer = await read();
      }
      return answer;
    });
  }
}

async function statusOf(url: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(url, { headers }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );
}

/** A SCIM server that has nobody in it. */
async function startUpstream(): Promise<{ url: string; close(): Promise<void> }> {
  const nobody = JSON.stringify({
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: 0,
    Resources: [],
  });
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/scim+json' }).end(nobody);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/scim`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
