/**
 * WHO MAY. Operators, the people of the vendor who sign in to the dashboard: by a one-time link, by e-mail address, password and, where they
 * chose one, a second factor, or by the vendor's own OpenID provider. Of links, sessions and passwords only digests are kept.
 */
import { hash as hashPassword, verify as verifyPassword } from '@node-rs/argon2';
import { type Audit, type Cause, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import { createSignInLinks, type LinkState } from '../one-time-links/index.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import { isDuplicate, type Page, type Storage } from '../storage/index.ts';
import { actorOf, emailOf, type Operator, type OperatorRole, type Origin, operatorShape } from './records.ts';
import { createSecondFactor } from './second-factor.ts';
import { createSessions, type OperatorSession } from './sessions.ts';
import { createTries } from './tries.ts';

export { OPERATOR_ROLES, type Operator, type OperatorRole, type Origin } from './records.ts';
export type { OperatorSession } from './sessions.ts';

export interface OperatorChanges {
  name?: string | undefined;
  /** null takes it away, and the password with it. */
  email?: string | null | undefined;
  role?: OperatorRole | undefined;
}

/** What shows that an account is changed by its owner, and not by who found a browser open. Without it the caller vouches. */
export interface Proof {
  sessionId: string;
  /** The current one. */
  password?: string | undefined;
  address?: string | undefined;
}

export interface Entered {
  session: string;
  operator: Operator;
}

/** Where a `Proof` is taken: throws invalid_request when it needs the current password and has another one; rate_limited. */
export interface Operators {
  /** Throws email_taken. */
  create(input: { name: string; email?: string | undefined; role: OperatorRole }, cause: Cause): Promise<Operator>;
  find(id: string): Promise<Operator | undefined>;
  findByEmail(email: string): Promise<Operator | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Operator>;
  page(query: { after?: string | undefined; limit: number }): Promise<Page<Operator>>;
  /** Another address needs the proof. Throws not_found, email_taken, last_owner. */
  change(id: string, changes: OperatorChanges, cause: Cause, by?: Proof): Promise<Operator>;
  /** Ends all sessions and withdraws links at once. Throws not_found, last_owner. */
  disable(id: string, cause: Cause): Promise<Operator>;
  enable(id: string, cause: Cause): Promise<Operator>;
  /** Throws not_found, last_owner. */
  remove(id: string, cause: Cause): Promise<void>;
  /** Whether a change to this account needs its password in this session. */
  needsPassword(operator: Operator, sessionId: string): Promise<boolean>;
  /** Ends all other sessions, and withdraws links. Throws invalid_request when it is too short, or of no use for this operator. */
  setPassword(id: string, password: string, cause: Cause, by?: Proof): Promise<void>;
  /** A secret for an authenticator, not in force before `confirmTotp`; `before`: one that was proposed already. */
  proposeTotp(operator: Operator, before?: string): { secret: string; uri: string };
  /** Throws invalid_request when the code is not of this secret, or there is a second factor already. */
  confirmTotp(id: string, given: { secret: string; code: string }, cause: Cause, by?: Proof): Promise<void>;
  removeTotp(id: string, cause: Cause, by?: Proof): Promise<void>;
  /** A link that signs in once, within a day; those before it are withdrawn. */
  createLink(operatorId: string, cause: Cause): Promise<{ secret: string; expiresAt: Date }>;
  /** Until when a link of this operator can be used; undefined when there is none. */
  linkOpenUntil(operatorId: string): Promise<Date | undefined>;
  withdrawLink(operatorId: string, cause: Cause): Promise<void>;
  /** What a link is good for, without using it. */
  look(secret: string): Promise<LinkState | 'unknown'>;
  /**
   * Uses a link. One of several browsers wins, and may ask again within a minute. `browser`: an unpredictable value that only it has.
   * Undefined when the link is not fit any more.
   */
  enter(secret: string, browser: string, origin: Origin): Promise<Entered | undefined>;
  /** Undefined when anything of it is wrong; never says what. Throws rate_limited. */
  signIn(given: { email: string; password: string; code: string }, origin: Origin): Promise<Entered | undefined>;
  /**
   * By what the vendor's OpenID provider says; made at the first sign-in. Undefined for one that is disabled, or has no role there any
   * more: whatever sessions they have end.
   */
  signInByOpenId(
    identity: { subject: string; name: string; email: string | undefined; role: OperatorRole | undefined },
    origin: Origin,
  ): Promise<Entered | undefined>;
  /** `isUse`: false for what a page asks for by itself, which keeps no session open. */
  findSession(
    session: string,
    isUse?: boolean,
  ): Promise<{ operator: Operator; sessionId: string; formToken: string } | undefined>;
  sessionsOf(operatorId: string): Promise<OperatorSession[]>;
  /** Of one of the operator's own sessions. */
  endSession(operatorId: string, sessionId: string, cause: Cause): Promise<void>;
  /** Makes the first operator, and a link to sign in by; undefined where there is one already. */
  ensureFirst(): Promise<{ secret: string; expiresAt: Date } | undefined>;
}

const SECRET_LENGTH = 43;
const SHORTEST_PASSWORD = 12;
const LONGEST_PASSWORD = 256;
const OWNERS = 100;
/** How long who came by a link or the OpenID provider has just shown who they are. */
const FRESH_MS = 30 * 60_000;

export function createOperators(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  secret: string;
  /** Where passkeys are made for. */
  publicUrl: string;
  /** Without a request for so long a session is over. */
  idleMs: number;
}): Operators {
  const { storage, audit, clock, random, secret: sealingSecret } = deps;
  const operators = audit.track(
    'operators',
    storage.collection({
      name: 'operators',
      shape: operatorShape,
      keys: { email: 'unique', subject: 'unique', initial: 'unique', role: 'index', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );
  const sessions = createSessions(deps);
  const links = createSignInLinks(deps);
  const secondFactor = createSecondFactor(deps);
  const tries = createTries(clock);
  /** Checked in place of an unknown account's, so that both take the same time. */
  const nobody = hashPassword(randomText(SECRET_LENGTH, random));

  async function get(id: string): Promise<Operator> {
    const operator = await operators.find(id);
    if (!operator) throw absent(id);
    return operator;
  }

  function absent(id: string): AppError {
    return new AppError('not_found', { detail: `There is no operator ${id.slice(0, 100)}.` });
  }

  function taken(error: unknown, email: string | null | undefined): never {
    if (!isDuplicate(error, 'email')) throw error;
    throw new AppError('email_taken', { email }, { cause: error });
  }

  async function update(
    id: string,
    change: (operator: Operator) => Operator,
    cause: Cause,
    changed: string[],
  ): Promise<Operator> {
    const result = await operators.update(id, (record) => ({
      record: change(record),
      events: [audit.event('operator.updated', cause, {}, { operatorId: id, name: record.name, changed })],
    }));
    if (!result) throw absent(id);
    return result.after;
  }

  async function hasOtherOwner(id: string): Promise<boolean> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await operators.page({ where: { role: 'owner' }, after, limit: OWNERS });
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

  async function disable(id: string, cause: Cause): Promise<Operator> {
    const after = await leavingAnOwner(
      await get(id),
      () => update(id, (record) => ({ ...record, disabledAt: clock.now() }), cause, ['disabled']),
      () => enable(id, SYSTEM),
    );
    await Promise.all([sessions.endAll(id), links.withdraw(id)]);
    return after;
  }

  function enable(id: string, cause: Cause): Promise<Operator> {
    return update(id, ({ disabledAt: _at, ...record }) => record, cause, ['enabled']);
  }

  async function needsPassword({ passwordHash }: Operator, sessionId: string): Promise<boolean> {
    if (passwordHash === undefined) return false;
    const session = await sessions.find(sessionId);
    const isFresh = session && clock.now().getTime() - session.createdAt.getTime() <= FRESH_MS;
    return !isFresh || session.by === 'password';
  }

  async function prove(operator: Operator, by: Proof | undefined): Promise<void> {
    if (!by || !(await needsPassword(operator, by.sessionId))) return;
    const isRight = await tries.password(operator.id, by.address ?? '', async () =>
      (await isPassword(operator, by.password ?? '')) ? true : undefined,
    );
    if (!isRight)
      throw new AppError('invalid_request', {
        detail:
          'The current password is another one. Nothing was changed. Forgotten? A new sign-in link needs none: by another owner, or on the server.',
      });
  }

  async function isPassword(operator: Operator | undefined, password: string): Promise<boolean> {
    return verifyPassword(operator?.passwordHash ?? (await nobody), password.slice(0, LONGEST_PASSWORD));
  }

  /** `session`: chosen here unless it is given. */
  async function begin(operator: Operator, by: OperatorSession['by'], origin: Origin, session?: string) {
    const value = session ?? randomText(SECRET_LENGTH, random);
    await sessions.begin(operator.id, value, by, origin);
    const { address, requestId } = origin;
    const cause: Cause = { actor: actorOf(operator), source: 'dashboard', address, requestId };
    const result = await operators.update(operator.id, (record) => ({
      record: { ...record, lastSignInAt: clock.now() },
      events: [audit.event('operator.signed_in', cause, {}, { operatorId: operator.id, name: record.name, by })],
    }));
    return { session: value, operator: result?.after ?? operator };
  }

  /** A code is taken once. */
  async function takeCode(operator: Operator, code: string): Promise<boolean> {
    if (operator.totp === undefined) return true;
    const step = secondFactor.stepOf(unseal(operator.totp, sealingSecret), code);
    if (step === undefined) return false;
    let isTaken = false;
    await operators.update(operator.id, (record) => {
      isTaken = (record.totpUsed ?? 0) < step;
      return isTaken ? { record: { ...record, totpUsed: step }, events: [] } : undefined;
    });
    return isTaken;
  }

  async function createLink(operatorId: string, cause: Cause) {
    const { name } = await get(operatorId);
    const link = await links.create(operatorId);
    const facts = { operatorId, name, expiresAt: link.expiresAt.toISOString() };
    await audit.append(audit.event('operator.link_created', cause, {}, facts));
    return link;
  }

  async function create(
    input: { name: string; email?: string | undefined; role: OperatorRole; initial?: string; subject?: string },
    cause: Cause,
  ) {
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
    const event = audit.event('operator.created', cause, {}, { operatorId: operator.id, name, role });
    await operators.insert(operator, [event]).catch((error: unknown) => taken(error, email));
    return operator;
  }

  return {
    create,
    find: (id) => operators.find(id),
    findByEmail: (email) => operators.findBy('email', emailOf(email) ?? ''),
    get,
    page: ({ after, limit }) => operators.page({ after, limit, direction: 'descending' }),

    async change(id, { name, email, role }, cause, by) {
      const before = await get(id);
      const address = email === null ? undefined : (emailOf(email ?? undefined) ?? before.email);
      const changed = [
        ...(name !== undefined && name !== before.name ? ['name'] : []),
        ...(address !== before.email ? ['email'] : []),
        ...(role !== undefined && role !== before.role ? ['role'] : []),
      ];
      if (changed.length === 0) return before;
      if (changed.includes('email')) await prove(before, by);
      const change = ({ email: _email, passwordHash, ...record }: Operator): Operator => ({
        ...record,
        name: name ?? record.name,
        role: role ?? record.role,
        ...(address !== undefined && { email: address }),
        // A password without an address opens nothing.
        ...(address !== undefined && passwordHash !== undefined && { passwordHash }),
      });
      const work = () => update(id, change, cause, changed).catch((error: unknown) => taken(error, address));
      if (role === undefined || role === 'owner') return work();
      return leavingAnOwner(before, work, () =>
        update(id, (record) => ({ ...record, role: before.role }), SYSTEM, ['role']),
      );
    },

    disable,
    enable,
    async remove(id, cause) {
      const { name, role } = await disable(id, cause);
      await operators.remove(id, audit.event('operator.removed', cause, {}, { operatorId: id, name, role }));
    },

    needsPassword,
    async setPassword(id, password, cause, by) {
      const operator = await get(id);
      await prove(operator, by);
      if (operator.subject !== undefined)
        throw new AppError('invalid_request', { detail: 'They sign in by the OpenID provider, and by it alone.' });
      if (operator.email === undefined)
        throw new AppError('invalid_request', {
          detail: 'Set an e-mail address first: one signs in by address and password.',
        });
      if (password.length < SHORTEST_PASSWORD || password.length > LONGEST_PASSWORD) {
        throw new AppError('invalid_request', {
          detail: `The password has ${password.length} characters; wanted are ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD}. A sentence does well.`,
        });
      }
      const passwordHash = await hashPassword(password);
      await update(id, (record) => ({ ...record, passwordHash }), cause, ['password']);
      await Promise.all([sessions.endAll(id, by?.sessionId), links.withdraw(id)]);
    },

    proposeTotp: ({ email, name }, before) => secondFactor.propose(email ?? name, before),
    async confirmTotp(id, { secret, code }, cause, by) {
      const operator = await get(id);
      await prove(operator, by);
      if (operator.totp !== undefined)
        throw new AppError('invalid_request', { detail: 'There is a second factor already. Remove it first.' });
      const step = secondFactor.stepOf(secret, code);
      if (step === undefined) {
        throw new AppError('invalid_request', {
          detail: 'The code is not the one that the authenticator shows now. Nothing was changed; try the next code.',
        });
      }
      await update(id, (record) => ({ ...record, totp: seal(secret, sealingSecret, random), totpUsed: step }), cause, [
        'second factor added',
      ]);
    },
    async removeTotp(id, cause, by) {
      await prove(await get(id), by);
      await update(id, ({ totp: _totp, totpUsed: _used, ...record }) => record, cause, ['second factor removed']);
    },

    createLink,
    linkOpenUntil: links.openUntil,
    async withdrawLink(operatorId, cause) {
      const { name } = await get(operatorId);
      await links.withdraw(operatorId);
      await audit.append(audit.event('operator.link_withdrawn', cause, {}, { operatorId, name }));
    },
    look: async (secret) => (await links.look(secret)).state,

    async enter(secret, browser, origin) {
      const { link } = await links.look(secret);
      const operator = link && (await operators.find(link.operatorId));
      if (!operator || operator.disabledAt) return undefined;
      const used = await links.enter(secret, browser);
      if (!used) return undefined;
      if (used.isFirst) return begin(operator, 'link', origin, used.session);
      // The first answer may still be on its way.
      await sessions.begin(operator.id, used.session, 'link', origin);
      return { session: used.session, operator };
    },

    async signIn({ email, password, code }, origin) {
      const { address, requestId } = origin;
      const account = emailOf(email) ?? '';
      const operator = account === '' ? undefined : await operators.findBy('email', account);
      const isKnown = operator?.passwordHash !== undefined && !operator.disabledAt;
      const entered = await tries.password(account, address, async () => {
        const isRight = await isPassword(operator, password);
        if (!operator || !isKnown || !isRight) return undefined;
        const isIn = await tries.code(operator.id, async () => ((await takeCode(operator, code)) ? true : undefined));
        return isIn ? begin(operator, 'password', origin) : undefined;
      });
      if (entered) return entered;
      audit.tallies.note(
        {},
        {
          type: 'operator.sign_in_refused',
          data: { ...(operator && { operatorId: operator.id }) },
          address,
          requestId,
          ...(operator && { actor: actorOf(operator) }),
        },
      );
      return undefined;
    },

    async signInByOpenId({ subject, name, email, role }, origin) {
      const { address, requestId } = origin;
      const known = await operators.findBy('subject', subject);
      if (role === undefined || known?.disabledAt) {
        if (known) await sessions.endAll(known.id);
        return undefined;
      }
      const cause: Cause = { actor: { type: 'operator', name }, source: 'dashboard', address, requestId };
      if (known) {
        // Name and role are the provider's to say, each time anew.
        const isSame = known.name === name && known.role === role;
        const after = isSame
          ? known
          : await update(known.id, (record) => ({ ...record, name, role }), cause, ['name', 'role']);
        return begin(after, 'openid', origin);
      }
      // An address that an operator has already is not enough to become them.
      const free = email !== undefined && !(await operators.findBy('email', emailOf(email) ?? '')) ? email : undefined;
      return begin(await create({ name, email: free, role, subject }, SYSTEM), 'openid', origin);
    },

    async findSession(session, isUse = true) {
      const found = await sessions.findByValue(session, isUse);
      const operator = found && (await operators.find(found.operatorId));
      if (!found || !operator || operator.disabledAt) return undefined;
      return { operator, sessionId: found.id, formToken: sessions.formTokenOf(session) };
    },
    sessionsOf: sessions.of,
    async endSession(operatorId, sessionId, cause) {
      const session = await sessions.find(sessionId);
      if (session?.operatorId !== operatorId) throw new AppError('not_found', { detail: 'There is no such session.' });
      await sessions.end(sessionId);
      await audit.append(audit.event('operator.signed_out', cause, {}, { operatorId, name: cause.actor.name }));
    },

    async ensureFirst() {
      if ((await operators.page({ limit: 1 })).items.length > 0) return undefined;
      try {
        const { id } = await create({ name: 'Owner', role: 'owner', initial: 'first' }, SYSTEM);
        return await createLink(id, SYSTEM);
      } catch (error) {
        // Another instance that started at the same moment made it, and prints its link.
        if (isDuplicate(error, 'initial')) return undefined;
        throw error;
      }
    },
  };
}
