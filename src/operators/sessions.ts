/** Sessions of operators in browsers, of which only digests are kept. */
import { hash } from 'node:crypto';
import type { Clock } from '../clock.ts';
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
  address: 'string',
  'userAgent?': 'string',
  /** How it was begun. */
  by: text<'link' | 'password' | 'openid'>(),
} as const;

export type OperatorSession = Stored<typeof shape>;

const SESSION_MS = 12 * 3_600_000;
const PAGE = 100;
const USER_AGENT_LENGTH = 200;

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions({ storage, clock, random }: { storage: Storage; clock: Clock; random: Random }) {
  const sessions = storage.collection({
    name: 'operator_sessions',
    shape,
    keys: { digest: 'unique', operatorId: 'index' },
    order: 'createdAt',
    expires: 'expiresAt',
  });

  return {
    /** `session`: the value that the browser keeps. Begun once, however often the same is asked for. */
    async begin(operatorId: string, session: string, by: OperatorSession['by'], origin: Origin): Promise<void> {
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
      await sessions.insert(record).catch((error: unknown) => {
        if (!isDuplicate(error, 'digest')) throw error;
      });
    },
    find: (id: string) => sessions.find(id),
    findByValue: (session: string) => sessions.findBy('digest', digestOf(session)),
    /** What stands in each form of a session. */
    formTokenOf: (session: string) => hash('sha256', `form ${session}`, 'hex'),
    of: async (operatorId: string) =>
      (await sessions.page({ where: { operatorId }, limit: PAGE, direction: 'descending' })).items,
    end: (id: string) => sessions.remove(id),
    async endAll(operatorId: string, keptId?: string): Promise<void> {
      let after: string | undefined;
      do {
        const { items, nextCursor } = await sessions.page({ where: { operatorId }, after, limit: PAGE });
        for (const { id } of items) if (id !== keptId) await sessions.remove(id);
        after = nextCursor ?? undefined;
      } while (after !== undefined);
    },
  };
}
