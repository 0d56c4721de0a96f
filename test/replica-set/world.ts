/** Several instances of the real application on a modelled replica set, and the people and machines that use them. Everything is drawn from one seed. */
import inject from 'light-my-request';
import { type App, createApp } from '../../src/app/index.ts';
import type { Clock } from '../../src/clock.ts';
import { readConfig, readSources } from '../../src/config/index.ts';
import { isAppError } from '../../src/errors.ts';
import { silent } from '../support/engines.ts';
import { type Act, createHistory, type History } from './history.ts';
import { createReplicaSet, START_MS } from './replica-set.ts';
import { createDice, createScheduler, type Scheduler } from './scheduler.ts';

const OWNER_KEY = 'lk_model0000000000000000000000000000000000';
const HOUR_MS = 3_600_000;
const DATABASE = 'mongodb://model/latchkey';
const SECRET = 'a secret of the model, long enough for use';
const LEASE_MS = 1000;

export interface WorldOptions {
  instances: number;
  actors: number;
  acts: number;
  /** Whether one instance's clock is an hour off. */
  wrongClock: boolean;
}

interface Instance {
  who: string;
  app: App;
  /** Rejects when the instance dies. */
  death: Promise<never>;
  die: () => void;
}

/** What an actor knows: a directory, and the credentials that were given out for it. */
interface Known {
  directoryId: string;
  tokens: { credentialId: string; token: string; expiresAt?: number }[];
  connection?: { clientId: string; clientSecret: string; credentialId: string; refreshToken: string };
}

/** Runs one seed and gives what everybody saw. */
export async function runWorld(seed: string, options: WorldOptions): Promise<History> {
  const dice = createDice(seed);
  const scheduler = createScheduler(dice);
  const losses = { reads: 0, writes: 0 };
  const replicaSet = createReplicaSet({
    scheduler,
    fates: {
      read: () => (dice.chance(losses.reads) ? 'lost' : 'answered'),
      write: () =>
        dice.chance(losses.writes) ? dice.pick(['lost before', 'lost after', 'applied later'] as const) : 'applied',
      findsPrimary: () => dice.chance(0.3),
    },
  });
  const history = createHistory(() => scheduler.nowMs());
  const instances: Instance[] = [];
  const dead = new Set<string>();
  let serial = 0;

  async function start(): Promise<Instance> {
    const who = `instance ${++serial}`;
    const offsetMs = options.wrongClock && serial === 1 ? dice.pick([HOUR_MS, -HOUR_MS]) : 0;
    const clock = createClock(who, scheduler, offsetMs);
    let die = () => {};
    const death = new Promise<never>((_, reject) => {
      die = () => reject(new Error('the instance died'));
    });
    death.catch(() => undefined);
    const settings = { LATCHKEY_DATABASE_URL: DATABASE, LATCHKEY_SECRET: SECRET, LATCHKEY_LEASE_MS: `${LEASE_MS}` };
    const app = await createApp({
      config: readConfig(settings, () => ''),
      sources: readSources(settings),
      publicUrl: 'http://model.test',
      storage: replicaSet.connect(who, clock),
      machineClock: clock,
      random: dice,
      log: silent,
      secret: SECRET,
      version: '0.0.0-model',
      // Real time has no place in a model of it.
      gather: (write) => write(),
    });
    await app.settled();
    const instance = { who, app, death, die };
    instances.push(instance);
    return instance;
  }

  const first = await start();
  await first.app.apiKeys.ensureOwner(OWNER_KEY);
  while (instances.length < options.instances) await start();
  // The first one's clock may be wrong, and would refuse ends that lie ahead.
  const [right = first] = instances.slice(-1);
  const known = [await setUp(right, 'free slot'), await setUp(right, 'connection')];
  for (const { directoryId, tokens, connection } of known) {
    for (const { credentialId, token, expiresAt } of tokens) {
      const expiresAtMs = expiresAt === undefined ? undefined : expiresAt - START_MS;
      history.knows({ directoryId, credentialId, token, ...(expiresAtMs !== undefined && { expiresAtMs }) });
    }
    if (connection) history.connects({ directoryId, ...connection });
  }

  for (let n = 0; n < options.actors; n++) scheduler.spawn(actor(options.acts));
  await scheduler.run(disturb);

  // Afterwards everything works again, and the truth is asked for.
  replicaSet.heal();
  Object.assign(losses, { reads: 0, writes: 0 });
  for (const { who } of instances) scheduler.resume(who);
  const last = await start();
  for (let round = 0; round < 2; round++)
    for (const each of last.app.rounds) if (each.name !== 'retention') await each.run();
  history.isQuiet();
  for (const one of known) await look(last, one);
  return history;

  /** An organization with a directory and a token: one that ends, or one that has a connection in the other slot. */
  async function setUp(instance: Instance, other: 'free slot' | 'connection'): Promise<Known> {
    const organization = await call(instance, 'POST', '/organizations', { name: 'Northwind' });
    const directory = await call(instance, 'POST', '/directories', {
      organizationId: organization.body.id,
      name: 'Okta',
    });
    const directoryId: string = directory.body.id;
    const expiresAt = other === 'free slot' ? START_MS + HOUR_MS / 2 : undefined;
    const issued = await call(instance, 'POST', `/directories/${directoryId}/credentials`, endOf(expiresAt));
    const credentialId: string = issued.body.credential.id;
    const tokens = [
      { credentialId, token: issued.body.token as string, ...(expiresAt !== undefined && { expiresAt }) },
    ];
    if (other === 'free slot') return { directoryId, tokens };
    const client = await call(instance, 'POST', '/clients', {
      name: 'Okta',
      directoryId,
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['https://idp.test/callback'],
      rotateRefreshTokens: true,
    });
    const clientId: string = client.body.client.id;
    const connected = await call(instance, 'POST', `/directories/${directoryId}/connections`, { clientId });
    const { refreshToken } = connected.body;
    const { clientSecret } = client.body;
    const connection = { clientId, clientSecret, credentialId: connected.body.credentialId, refreshToken };
    return { directoryId, tokens, connection };
  }

  async function actor(acts: number): Promise<void> {
    for (let n = 0; n < acts; n++) {
      const alive = instances.filter(({ who }) => !dead.has(who));
      const instance = dice.pick(alive);
      const one = dice.pick(known);
      await scheduler.turn('people');
      await act(instance, one);
    }
  }

  async function act(instance: Instance, one: Known): Promise<void> {
    const { directoryId, tokens, connection } = one;
    const held = dice.pick(tokens);
    const kind = dice.pick<Act['kind'] | 'round'>([
      'verify',
      'verify',
      'verify',
      'issue',
      'revoke',
      'disable',
      'enable',
      'rotate',
      'refresh',
      'refresh',
      'list',
      'round',
      'round',
    ]);
    const about = { directoryId, credentialId: held.credentialId };
    if (kind === 'round') return runRounds(instance);
    if (kind === 'verify') {
      await history.act({ kind, ...about, by: instance.who }, () => verify(instance, directoryId, held.token));
    } else if (kind === 'issue') {
      // Two who send the same request under the same key, as a client that lost the answer does.
      const key = dice.chance(0.5) ? `key-${dice.below(2)}` : undefined;
      const expiresIn = key === undefined && dice.chance(0.3) ? HOUR_MS / 2 : undefined;
      const expiresAt = expiresIn === undefined ? undefined : START_MS + scheduler.nowMs() + expiresIn;
      const { body, status } = await history.act({ kind, directoryId, by: instance.who, ...(key && { key }) }, () =>
        call(instance, 'POST', `/directories/${directoryId}/credentials`, endOf(expiresAt), key),
      );
      if (status === 201 && body.token !== undefined) learn(one, body, expiresAt);
    } else if (kind === 'revoke') {
      if (!dice.chance(0.3)) return;
      await history.act({ kind, ...about, by: instance.who }, () =>
        call(instance, 'POST', `/credentials/${held.credentialId}/revoke`, { force: true }),
      );
    } else if (kind === 'disable' || kind === 'enable') {
      await history.act({ kind, ...about, by: instance.who }, () =>
        call(instance, 'POST', `/credentials/${held.credentialId}/${kind}`),
      );
    } else if (kind === 'rotate') {
      await rotate(instance, one);
    } else if (kind === 'refresh') {
      if (!connection) return;
      const { clientId, clientSecret, refreshToken, credentialId } = connection;
      const answer = await history.act(
        { kind, directoryId, credentialId, by: instance.who, presented: refreshToken },
        () =>
          send(instance, {
            method: 'POST',
            url: '/oauth/token',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            payload: new URLSearchParams({
              grant_type: 'refresh_token',
              refresh_token: refreshToken,
              client_id: clientId,
              client_secret: clientSecret,
            }).toString(),
          }),
      );
      if (answer.status === 200 && connection.refreshToken === refreshToken)
        connection.refreshToken = answer.body.refresh_token;
    } else {
      await history.act({ kind: 'list', directoryId, by: instance.who }, () =>
        call(instance, 'GET', `/directories/${directoryId}/credentials?state=active`),
      );
    }
  }

  /** A rotation, by the API or with an answer that may be given up at any moment before it is committed. */
  async function rotate(instance: Instance, one: Known): Promise<void> {
    const { directoryId } = one;
    if (dice.chance(0.5)) {
      const mode = dice.pick(['overlap', 'immediate']);
      const answer = await history.act({ kind: 'rotate', directoryId, by: instance.who, mode }, () =>
        call(instance, 'POST', `/directories/${directoryId}/rotate`, { mode }),
      );
      if (answer.status === 201) learn(one, answer.body);
      return;
    }
    let state: 'open' | 'committed' | 'given up' = 'open';
    const giveUp = async () => {
      for (let wait = dice.below(30); wait > 0; wait--) await scheduler.turn('people');
      if (state === 'open') state = 'given up';
    };
    scheduler.spawn(giveUp());
    await history.act({ kind: 'rotate', directoryId, by: instance.who, mode: 'immediate' }, async () => {
      const cause = {
        actor: { type: 'system', name: 'model' },
        source: 'system',
        commit: () => {
          if (state === 'open') state = 'committed';
          return state === 'committed';
        },
      } as const;
      try {
        const work = instance.app.credentials.rotate(directoryId, { mode: 'immediate' }, cause);
        const issued = await Promise.race([work, instance.death]);
        if (state === 'given up') return { status: 503, body: { completedAfterwards: true } };
        learn(one, { credential: issued.credential, token: issued.token });
        return { status: 201, body: { credential: { id: issued.credential.id }, token: issued.token } };
      } catch (error) {
        return { status: isAppError(error) ? error.status : 0, body: {} };
      }
    });
  }

  function learn(one: Known, body: { credential: { id: string }; token: string }, expiresAt?: number): void {
    const { token, credential } = body;
    one.tokens.push({ credentialId: credential.id, token, ...(expiresAt !== undefined && { expiresAt }) });
    history.knows({
      directoryId: one.directoryId,
      credentialId: credential.id,
      token,
      ...(expiresAt !== undefined && { expiresAtMs: expiresAt - START_MS }),
    });
  }

  async function runRounds({ app, death }: Instance): Promise<void> {
    const { name, run, trustsNoClock } = dice.pick(app.rounds);
    // As rounds.ts does: what decides by time waits until the clock is right.
    if (name === 'retention' || !(trustsNoClock || app.hasRightClock())) return;
    await Promise.race([run(), death]).catch(() => undefined);
  }

  async function look(instance: Instance, { directoryId, tokens, connection }: Known): Promise<void> {
    for (const { credentialId, token } of tokens) {
      await history.act({ kind: 'verify', directoryId, credentialId, by: 'end' }, () =>
        verify(instance, directoryId, token),
      );
      await history.act({ kind: 'read', directoryId, credentialId, by: 'end' }, async () => {
        const record = await call(instance, 'GET', `/credentials/${credentialId}`);
        const events = await call(instance, 'GET', `/credentials/${credentialId}/events`);
        const types = (events.body.items as { type: string }[]).map(({ type }) => type);
        return { status: record.status, body: { state: record.body.state, types } };
      });
    }
    if (!connection) return;
    const { clientId, clientSecret, refreshToken, credentialId } = connection;
    await history.act({ kind: 'refresh', directoryId, credentialId, by: 'end', presented: refreshToken }, () =>
      send(instance, {
        method: 'POST',
        url: '/oauth/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: clientId,
          client_secret: clientSecret,
        }).toString(),
      }),
    );
  }

  /** What goes wrong, between any two turns. */
  function disturb(): void {
    const alive = instances.filter(({ who }) => !dead.has(who));
    if (dice.chance(0.02)) replicaSet.depose(alive.filter(() => dice.chance(0.5)).map(({ who }) => who));
    if (dice.chance(0.02)) {
      losses.reads = dice.pick([0, 0, 0.05]);
      losses.writes = dice.pick([0, 0, 0.1]);
    }
    if (dice.chance(0.01)) scheduler.pause(dice.pick(alive).who);
    if (dice.chance(0.05)) for (const { who } of alive) scheduler.resume(who);
    if (dice.chance(0.002) && alive.length > 1) {
      const victim = dice.pick(alive);
      dead.add(victim.who);
      scheduler.kill(victim.who);
      victim.die();
    }
  }
}

function createClock(who: string, scheduler: Scheduler, offsetMs: number): Clock {
  return {
    now: () => new Date(START_MS + scheduler.nowMs() + offsetMs),
    monotonicMs: () => scheduler.nowMs(),
    wait: (ms) => scheduler.sleep(who, ms),
  };
}

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers come in many shapes; the checker reads what it needs
  body: any;
}

async function send({ app, death }: Instance, request: inject.InjectOptions): Promise<Answer> {
  try {
    const response = await Promise.race([inject(app.handle, request), death]);
    const { payload, statusCode } = response;
    return { status: statusCode, body: payload.startsWith('{') ? JSON.parse(payload) : {} };
  } catch {
    // It died before it answered: nobody knows what was done.
    return { status: 0, body: {} };
  }
}

function endOf(expiresAt: number | undefined): object {
  return expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() };
}

function call(
  instance: Instance,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  idempotencyKey?: string,
): Promise<Answer> {
  return send(instance, {
    method,
    url: `/api/v1${path}`,
    headers: {
      authorization: `Bearer ${OWNER_KEY}`,
      ...(body && { 'content-type': 'application/json' }),
      ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
    },
    ...(body && { payload: JSON.stringify(body) }),
  });
}

function verify(instance: Instance, directoryId: string, token: string): Promise<Answer> {
  return send(instance, {
    method: 'GET',
    url: `/auth/verify?directory=${directoryId}`,
    headers: { authorization: `Bearer ${token}` },
  });
}
