/** The records of operators: one reader, and one writer that tells what was changed. */
import { type Attribution, type Audit, changesBetween } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import type { Storage } from '../storage/index.ts';
import { type Operator, operatorShape } from './records.ts';

export type Accounts = ReturnType<typeof createAccounts>;

/** What an event says of a change from what to what; never anything that one signs in by but the address. */
const TOLD = ['name', 'email', 'role'] as const;

export function createAccounts({ storage, audit }: { storage: Storage; audit: Audit }) {
  const records = audit.track(
    'operators',
    storage.collection({
      name: 'operators',
      shape: operatorShape,
      keys: { email: 'unique', subject: 'unique', initial: 'unique', role: 'index', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  return {
    records,
    /** Throws not_found. */
    async get(id: string): Promise<Operator> {
      const operator = await records.find(id);
      if (!operator) throw absent(id);
      return operator;
    },
    /** `changed`: names of what is changed, for the event. Throws not_found. */
    async update(
      id: string,
      change: (operator: Operator) => Operator,
      attribution: Attribution,
      changed: string[],
    ): Promise<Operator> {
      const result = await records.update(id, (record) => {
        const next = change(record);
        const { changes } = changesBetween(record, next, TOLD);
        const facts = { operatorId: id, name: record.name, changed, ...(changes.length > 0 && { changes }) };
        return { record: next, events: [audit.event('operator.updated', attribution, {}, facts)] };
      });
      if (!result) throw absent(id);
      return result.after;
    },
  };
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no operator ${id.slice(0, 100)}.` });
}
