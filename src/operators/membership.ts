/** Who is an operator, and as what: made, changed, disabled, enabled, removed. One owner is always left. */
import { type Attribution, type Audit, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import type { createSignInLinks } from '../one-time-links/index.ts';
import { isDuplicate } from '../storage/index.ts';
import type { Accounts } from './accounts.ts';
import type { Proof, Proofs } from './proofs.ts';
import { emailOf, type Operator, type OperatorRole } from './records.ts';
import type { Sessions } from './sessions.ts';

export interface OperatorChanges {
  name?: string | undefined;
  /** null takes it away, and the password with it. */
  email?: string | null | undefined;
  role?: OperatorRole | undefined;
}

export interface NewOperator {
  name: string;
  email?: string | undefined;
  role: OperatorRole;
  /** Marks the one that the first start makes. */
  initial?: string;
  /** At the vendor's OpenID provider. */
  subject?: string;
}

const OWNERS_AT_ONCE = 100;

export function createMembership(deps: {
  accounts: Accounts;
  sessions: Sessions;
  links: ReturnType<typeof createSignInLinks>;
  proofs: Proofs;
  audit: Audit;
  clock: Clock;
  random: Random;
}) {
  const { sessions, links, proofs, audit, clock, random } = deps;
  const { records, get, update } = deps.accounts;

  function taken(error: unknown, email: string | null | undefined): never {
    if (!isDuplicate(error, 'email')) throw error;
    throw new AppError('email_taken', { email }, { cause: error });
  }

  async function hasOtherOwner(id: string): Promise<boolean> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await records.page({ where: { role: 'owner' }, after, limit: OWNERS_AT_ONCE });
      if (items.some((other) => other.id !== id && !other.disabledAt)) return true;
      after = nextCursor ?? undefined;
    } while (after !== undefined);
    return false;
  }

  /**
   * Someone must be left who may do everything. Two owners who take that from each other at the same moment both see that nobody is
   * left, and both undo it. Throws last_owner.
   */
  async function leavingAnOwner(
    before: Operator,
    work: () => Promise<Operator>,
    undo: () => Promise<unknown>,
  ): Promise<Operator> {
    const counts = before.role === 'owner' && !before.disabledAt;
    if (!counts) return work();
    const lastOwner = () => new AppError('last_owner', { operatorId: before.id });
    if (!(await hasOtherOwner(before.id))) throw lastOwner();
    const after = await work();
    if (await hasOtherOwner(before.id)) return after;
    await undo();
    throw lastOwner();
  }

  async function create(input: NewOperator, attribution: Attribution): Promise<Operator> {
    const { name, role, initial, subject } = input;
    const email = emailOf(input.email);
    const operator: Operator = {
      id: newId('op', random),
      name,
      role,
      createdAt: clock.now(),
      ...(email !== undefined && { email }),
      ...(initial !== undefined && { initial }),
      ...(subject !== undefined && { subject }),
    };
    const event = audit.event('operator.created', attribution, {}, { operatorId: operator.id, name, role });
    await records.insert(operator, [event]).catch((error: unknown) => taken(error, email));
    return operator;
  }

  async function disable(id: string, attribution: Attribution): Promise<Operator> {
    const after = await leavingAnOwner(
      await get(id),
      () => update(id, (record) => ({ ...record, disabledAt: clock.now() }), attribution, ['disabled']),
      () => enable(id, SYSTEM),
    );
    await Promise.all([sessions.endAll(id), links.withdraw(id)]);
    return after;
  }

  function enable(id: string, attribution: Attribution): Promise<Operator> {
    return update(id, ({ disabledAt: _at, ...record }) => record, attribution, ['enabled']);
  }

  async function change(
    id: string,
    { name, email, role }: OperatorChanges,
    attribution: Attribution,
    by?: Proof,
  ): Promise<Operator> {
    const before = await get(id);
    const address = email === null ? undefined : (emailOf(email ?? undefined) ?? before.email);
    const changed = [
      ...(name !== undefined && name !== before.name ? ['name'] : []),
      ...(address !== before.email ? ['email'] : []),
      ...(role !== undefined && role !== before.role ? ['role'] : []),
    ];
    if (changed.length === 0) return before;
    if (changed.includes('email')) await proofs.take(before, by);
    const withChanges = ({ email: _email, passwordHash, ...record }: Operator): Operator => ({
      ...record,
      name: name ?? record.name,
      role: role ?? record.role,
      ...(address !== undefined && { email: address }),
      // A password without an address opens nothing.
      ...(address !== undefined && passwordHash !== undefined && { passwordHash }),
    });
    const work = () => update(id, withChanges, attribution, changed).catch((error: unknown) => taken(error, address));
    if (role === undefined || role === 'owner') return work();
    return leavingAnOwner(before, work, () =>
      update(id, (record) => ({ ...record, role: before.role }), SYSTEM, ['role']),
    );
  }

  async function remove(id: string, attribution: Attribution): Promise<void> {
    const { name, role } = await disable(id, attribution);
    await records.remove(id, audit.event('operator.removed', attribution, {}, { operatorId: id, name, role }));
  }

  return { create, change, disable, enable, remove };
}
