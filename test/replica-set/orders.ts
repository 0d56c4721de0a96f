/**
 * Two instances with three operations on one directory, in one order of their steps and with at most one fault. What stands below HTTP is
 * the application's own: credentials, verification from the lease, the outbox.
 */
import { createAudit } from '../../src/audit/index.ts';
import type { Clock } from '../../src/clock.ts';
import { createCredentials, createUsage, createWeakValues } from '../../src/credentials/index.ts';
import { createDirectories, createOrganizations, createUpstreamPolicy } from '../../src/directories/index.ts';
import { isAppError } from '../../src/errors.ts';
import { createInstances } from '../../src/operations/index.ts';
import { createVerify } from '../../src/verification/verify.ts';
import { silent } from '../support/engines.ts';
import { type Act, createHistory, type History } from './history.ts';
import type { Explored } from './interleavings.ts';
import { createReplicaSet, START_MS } from './replica-set.ts';
import { createDice } from './scheduler.ts';

export const OPERATIONS = ['verify', 'issue', 'revoke', 'disable', 'enable', 'rotate', 'overlap'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What is asked of which of the two instances. */
export interface Asked {
  operation: Operation;
  instance: 0 | 1;
}

const LEASE_MS = 1000;
const CAUSE = { actor: { type: 'system', name: 'model' }, source: 'system' } as const;

type Instance = ReturnType<typeof makeInstance> extends Promise<infer I> ? I : never;

/** Undefined where another order stands for this one. `deposed`: the instance that talks to a primary from the past. */
export async function runOrder(
  explored: Explored,
  asked: readonly Asked[],
  deposed?: 0 | 1,
): Promise<History | undefined> {
  const history = createHistory(explored.nowMs);
  const replicaSet = createReplicaSet({
    scheduler: explored,
    fates: {
      read: () => (explored.fate() === 'lost' ? 'lost' : 'answered'),
      write() {
        const fate = explored.fate();
        if (fate === 'dies after') return 'lost after';
        return fate === 'lost before' || fate === 'lost after' || fate === 'applied later' ? fate : 'applied';
      },
      findsPrimary: () => true,
    },
  });
  const instances: [Instance, Instance] = [
    await makeInstance('instance 0', explored, replicaSet),
    await makeInstance('instance 1', explored, replicaSet),
  ];
  const [{ organizations, directories, credentials }] = instances;
  const { id: organizationId } = await organizations.create({ name: 'Northwind' }, CAUSE);
  const { id: directoryId } = await directories.create({ organizationId, name: 'Okta' }, CAUSE);
  const { credential, token } = await credentials.issue(directoryId, {}, CAUSE);
  const credentialId = credential.id;
  history.knows({ directoryId, credentialId, token });
  await instances[0].audit.settled();

  explored.begin();
  if (deposed !== undefined) replicaSet.depose([instances[deposed].who]);
  for (const { operation, instance } of asked) explored.spawn(perform(instances[instance], operation));
  if (!(await explored.run())) return undefined;

  replicaSet.heal();
  const last = await makeInstance('end', explored, replicaSet);
  await explored.sleep('end', 60_000);
  await last.audit.recover(0);
  await last.credentials.advance();
  await last.audit.settled();
  history.isQuiet();
  await history.act({ kind: 'list', directoryId, by: 'end' }, async () => {
    const { items } = await last.credentials.page({ directoryId, state: 'active', limit: 10 });
    return { status: 200, body: { items } };
  });
  for (const known of [...history.tokens]) {
    await history.act({ kind: 'verify', ...known, by: 'end' }, () => last.verify(directoryId, known.token));
    await history.act({ kind: 'read', ...known, by: 'end' }, async () => {
      const found = await last.credentials.find(known.credentialId);
      const { items } = await last.audit.page({ where: { credentialId: known.credentialId }, limit: 50 });
      return {
        status: found ? 200 : 404,
        body: { state: found?.state, types: items.map(({ type }) => type) },
      };
    });
  }
  return history;

  async function perform(instance: Instance, operation: Operation): Promise<void> {
    const isRotation = operation === 'rotate' || operation === 'overlap';
    const kind: Act['kind'] = isRotation ? 'rotate' : operation;
    const mode = operation === 'overlap' ? 'overlap' : 'immediate';
    await explored.turn(instance.who);
    const about = operation === 'issue' || isRotation ? {} : { credentialId };
    await history.act({ kind, directoryId, ...about, ...(isRotation && { mode }), by: instance.who }, () =>
      answered(async () => {
        const { credentials } = instance;
        if (operation === 'verify') return instance.verify(directoryId, token);
        if (operation === 'issue') return told(await credentials.issue(directoryId, {}, CAUSE));
        if (isRotation) return told(await credentials.rotate(directoryId, { mode }, CAUSE));
        if (operation === 'revoke') await credentials.revoke(credentialId, { force: true }, CAUSE);
        else await credentials[operation](credentialId, CAUSE);
        return { status: 200, body: {} };
      }),
    );
  }

  function told({ credential: { id }, token }: { credential: { id: string }; token: string }) {
    history.knows({ directoryId, credentialId: id, token });
    return { status: 201, body: { credential: { id }, token } };
  }
}

async function answered(work: () => Promise<{ status: number; body: object }>) {
  try {
    return await work();
  } catch (error) {
    if (isAppError(error)) return { status: error.status, body: {} };
    throw error;
  }
}

async function makeInstance(who: string, explored: Explored, replicaSet: ReturnType<typeof createReplicaSet>) {
  const clock: Clock = {
    now: () => new Date(START_MS + explored.nowMs()),
    monotonicMs: explored.nowMs,
    wait: (ms) => explored.sleep(who, ms),
  };
  const random = createDice(who);
  const storage = replicaSet.connect(who, clock);
  const given = { storage, clock, random, log: silent };
  const audit = createAudit({ ...given, gather: (write) => write() });
  const running = createInstances({ ...given, leaseMs: LEASE_MS });
  const waitOutLease = async () => clock.wait(await running.longestLeaseMs());
  const parts = { ...given, audit, waitOutLease };
  const organizations = createOrganizations(parts);
  const upstreamPolicy = createUpstreamPolicy({
    publicUrl: 'http://model.test',
    listening: undefined,
    databaseUrl: '',
    allow: [],
  });
  const directories = createDirectories({ ...parts, organizations, upstreamPolicy, secret: 'of the model' });
  const usage = createUsage(given);
  const quiet = { retireQuietMs: 60_000, retireOverdueMs: 60_000 };
  const weakValues = createWeakValues({ ...parts, secret: 'of the model', leaseMs: LEASE_MS });
  const credentials = createCredentials({ ...parts, directories, usage, weakValues, ...quiet });
  const { verify } = createVerify({
    credentials,
    directories,
    findAccessToken: async () => undefined,
    clock,
    leaseMs: LEASE_MS,
    maxEntries: 100,
  });
  await storage.prepare();
  await running.announce();
  return {
    who,
    audit,
    organizations,
    directories,
    credentials,
    async verify(directory: string, value: string) {
      const presented = { kind: 'token', value, certain: true } as const;
      const { allowed } = await verify({ presented, directory, write: false });
      return { status: allowed ? 200 : 401, body: {} };
    },
  };
}
