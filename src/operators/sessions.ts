/** Sessions of operators in browsers, of which only digests are kept. */
import { hash } from 'node:crypto';
import { type Clock, HOUR_MS } from '../clock.ts';
import { digestOf } from '../credentials/index.ts';
import { newId, type Random } from '../identifiers.ts';
import { withoutUnguessable } from '../secrets/redaction.ts';
import { isDuplicate, type Storage, type Stored, text } from '../storage/index.ts';
import type { Origin } from './records.ts';

const shape = {
  operatorId: 'string',
  digest: 'string',
  createdAt: 'date',
  expiresAt: 'date',
  /** An ended one stays until it expires, so that its value begins no other. */
  'endedAt?': 'date',
  /** The latest request, to a minute; missing during the first minute. */
  'seenAt?': 'date',
  address: 'string',
  'userAgent?': 'string',
  /** How it was begun. */
  by: text<'link' | 'password' | 'passkey' | 'openid'>(),
} as const;

export type OperatorSession = Stored<typeof shape>;

const SESSION_MS = 12 * HOUR_MS;
const SEEN_EVERY_MS = 60_000;
const PAGE = 100;
const USER_AGENT_LENGTH = 200;

export type Sessions = ReturnType<typeof createSessions>;

/** `idleMs`: how long a session lasts without a request. */
export function createSessions(deps: { storage: Storage; clock: Clock; random: Random; idleMs: number }) {
  const { storage, clock, random, idleMs } = deps;
  const sessions = storage.collection({
    name: 'operator_sessions',
    shape,
    keys: { digest: 'unique', operatorId: 'index' },
    order: 'createdAt',
    expires: 'expiresAt',
  });

  const isIdle = ({ createdAt, seenAt = createdAt }: OperatorSession) =>
    clock.now().getTime() - seenAt.getTime() >= idleMs;

  async function end(id: string): Promise<void> {
    await sessions.update(id, (record) => (record.endedAt ? undefined : { ...record, endedAt: clock.now() }));
  }

  async function hasEnded(session: string): Promise<boolean> {
    return (await sessions.findBy('digest', digestOf(session)))?.endedAt !== undefined;
  }

  async function* allOf(operatorId: string): AsyncGenerator<OperatorSession> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await sessions.page({
        where: { operatorId },
        after,
        limit: PAGE,
        direction: 'descending',
      });
      for (const session of items) if (!session.endedAt) yield session;
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }

  return {
    /**
     * `session`: the value that the browser keeps. Begun once, however often the same is asked for; false for one that has ended, which
     * never begins again.
     */
    async begin(operatorId: string, session: string, by: OperatorSession['by'], origin: Origin): Promise<boolean> {
      const now = clock.now();
      const userAgent = origin.userAgent && withoutUnguessable(origin.userAgent).slice(0, USER_AGENT_LENGTH);
      const record: OperatorSession = {
        id: newId('session', random),
        operatorId,
        digest: digestOf(session),
        createdAt: now,
        expiresAt: new Date(now.getTime() + SESSION_MS),
        address: origin.address,
        ...(userAgent && { userAgent }),
        by,
      };
      try {
        await sessions.insert(record);
        return true;
      } catch (error) {
        if (!isDuplicate(error, 'digest')) throw error;
        return !(await hasEnded(session));
      }
    },
    hasEnded,
    async find(id: string): Promise<OperatorSession | undefined> {
      const found = await sessions.find(id);
      return found?.endedAt ? undefined : found;
    },
    /** `isUse`: whether somebody did something, and not a page that keeps itself up to date. */
    async findByValue(session: string, isUse: boolean): Promise<OperatorSession | undefined> {
      const found = await sessions.findBy('digest', digestOf(session));
      if (!found || found.endedAt) return undefined;
      if (isIdle(found)) {
        await end(found.id);
        return undefined;
      }
      const now = clock.now();
      const { createdAt, seenAt = createdAt } = found;
      if (isUse && now.getTime() - seenAt.getTime() >= SEEN_EVERY_MS)
        await sessions.update(found.id, (record) => ({ ...record, seenAt: now }));
      return found;
    },
    /** What stands in each form of a session. */
    formTokenOf: (session: string) => hash('sha256', `form ${session}`, 'hex'),
    /** The newest that last, at most 100. */
    async of(operatorId: string): Promise<OperatorSession[]> {
      const lasting: OperatorSession[] = [];
      for await (const session of allOf(operatorId)) {
        if (!isIdle(session)) lasting.push(session);
        if (lasting.length === PAGE) break;
      }
      return lasting;
    },
    end,
    async endAll(operatorId: string, keptId?: string): Promise<void> {
      for await (const { id } of allOf(operatorId)) if (id !== keptId) await end(id);
    },
  };
}
