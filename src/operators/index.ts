/**
 * WHO MAY. Operators, the people of the vendor who sign in to the dashboard: by a one-time link, by e-mail address, password and, where they
 * chose one, a second factor, or by the vendor's own OpenID provider. Of links, sessions and passwords only digests are kept.
 */
import { type Audit, type Cause, changesBetween, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import { createSignInLinks, type LinkState } from '../one-time-links/index.ts';
import { isDuplicate, type Page, type Storage } from '../storage/index.ts';
import { createFactors, type FactorGiven, type FactorKind } from './factors.ts';
import type { Passkeys } from './passkeys.ts';
import { createPasswords } from './passwords.ts';
import {
  actorOf,
  emailOf,
  hasSecondFactor,
  type Operator,
  type OperatorRole,
  type Origin,
  operatorShape,
} from './records.ts';
import { createSessions, type OperatorSession } from './sessions.ts';
import { createTickets, type Ticket } from './tickets.ts';
import { createTries } from './tries.ts';

export type { FactorGiven } from './factors.ts';
export { LONGEST_PASSWORD, SHORTEST_PASSWORD } from './passwords.ts';
export {
  hasSecondFactor,
  OPERATOR_ROLES,
  type Operator,
  type OperatorRole,
  type Origin,
  type Passkey,
} from './records.ts';
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

type PasskeyQuestion = Awaited<ReturnType<Passkeys['beginSignIn']>>;

/** What is asked of somebody with a second factor, once the password or the link was right. */
export interface SecondStep {
  /** Comes back with the answer, within ten minutes. */
  ticket: string;
  operator: Operator;
  /** Undefined for who has no passkey. */
  passkey: PasskeyQuestion | undefined;
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
  /** Whether browsers make passkeys for the public URL: it must be https, or localhost, and no address. */
  hasPasskeys: boolean;
  /** A secret for an authenticator, not in force before `confirmTotp`; `before`: one that was proposed already. */
  proposeTotp(operator: Operator, before?: string): { secret: string; uri: string };
  /** Throws invalid_request when the code is not of this secret, or there is a second factor already. */
  confirmTotp(id: string, given: { secret: string; code: string }, cause: Cause, by?: Proof): Promise<RecoveryCodes>;
  /** Throws invalid_request when it is the only second factor. */
  removeTotp(id: string, cause: Cause, by?: Proof): Promise<void>;
  beginPasskey(operator: Operator): ReturnType<Passkeys['beginRegistration']>;
  /** `answer`: of the browser, as JSON; `sealed`: of the question. Throws invalid_request. */
  addPasskey(
    id: string,
    given: { name: string; answer: string; sealed: string },
    cause: Cause,
    by?: Proof,
  ): Promise<RecoveryCodes>;
  /** Throws not_found; invalid_request when it is the only second factor. */
  removePasskey(id: string, passkeyId: string, cause: Cause, by?: Proof): Promise<void>;
  /** New ones in place of those before. Throws invalid_request for who has no second factor. */
  renewRecoveryCodes(id: string, cause: Cause, by?: Proof): Promise<string[]>;
  /**
   * Removes authenticator, passkeys and recovery codes of somebody who lost them, and ends their sessions. Another owner does it, or the
   * command line: throws invalid_request for one's own.
   */
  removeSecondFactor(id: string, cause: Cause): Promise<void>;
  /** A link that signs in once, within a day; those before it are withdrawn. */
  createLink(operatorId: string, cause: Cause): Promise<{ secret: string; expiresAt: Date }>;
  /** Until when a link of this operator can be used; undefined when there is none. */
  linkOpenUntil(operatorId: string): Promise<Date | undefined>;
  withdrawLink(operatorId: string, cause: Cause): Promise<void>;
  /** What a link is good for, without using it. */
  look(secret: string): Promise<LinkState | 'unknown'>;
  /**
   * Uses a link. One of several browsers wins, and may ask again within a minute while its session lasts. `browser`: an unpredictable value that only it has.
   * Undefined when the link is not fit any more.
   */
  enter(secret: string, browser: string, origin: Origin): Promise<Entered | SecondStep | undefined>;
  /** Undefined when anything of it is wrong; never says what. Throws rate_limited, busy. */
  signIn(given: { email: string; password: string }, origin: Origin): Promise<Entered | SecondStep | undefined>;
  /** The second step once more, with a new question; undefined when its time is over. */
  secondStep(ticket: string): Promise<SecondStep | undefined>;
  /** Undefined when what was given is wrong, or the ticket's time is over. Throws rate_limited. */
  finishSignIn(ticket: string, given: FactorGiven, origin: Origin): Promise<Entered | undefined>;
  /** For whoever has a passkey; undefined where browsers make none. */
  askPasskey(): Promise<PasskeyQuestion | undefined>;
  /** By a passkey alone. Undefined when it is nobody's, or wrong. Throws rate_limited. */
  signInByPasskey(given: { answer: string; sealed: string }, origin: Origin): Promise<Entered | undefined>;
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

/** Shown once; undefined unless it was the first second factor. */
type RecoveryCodes = string[] | undefined;

const SECRET_LENGTH = 43;
/** What an event says of a change from what to what; never anything that one signs in by but the address. */
const TOLD = ['name', 'email', 'role'] as const;
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
  /** Told of each attempt to sign in. */
  onSignIn: (isAccepted: boolean) => void;
}): Operators {
  const { storage, audit, clock, random, onSignIn } = deps;
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
  const passwords = createPasswords(deps);
  const factors = createFactors({ ...deps, operators, update });
  const tickets = createTickets(deps);
  const tries = createTries(clock);

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
    const result = await operators.update(id, (record) => {
      const next = change(record);
      const { changes } = changesBetween(record, next, TOLD);
      const facts = { operatorId: id, name: record.name, changed, ...(changes.length > 0 && { changes }) };
      return { record: next, events: [audit.event('operator.updated', cause, {}, facts)] };
    });
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
    return !isFresh(session) || session?.by === 'password';
  }

  function isFresh(session: OperatorSession | undefined): boolean {
    return session !== undefined && clock.now().getTime() - session.createdAt.getTime() <= FRESH_MS;
  }

  async function prove(operator: Operator, by: Proof | undefined): Promise<void> {
    if (!by) return;
    if (operator.passwordHash === undefined && hasSecondFactor(operator) && !isFresh(await sessions.find(by.sessionId)))
      throw new AppError('invalid_request', { detail: 'Sign in again to change this. Nothing was changed.' });
    if (!(await needsPassword(operator, by.sessionId))) return;
    const isRight = await tries.password(operator.id, by.address ?? '', async () =>
      (await passwords.isRight(operator.passwordHash, by.password ?? '')) ? true : undefined,
    );
    if (!isRight)
      throw new AppError('invalid_request', {
        detail:
          'The current password is another one. Nothing was changed. Forgotten? A new sign-in link needs none: by another owner, or on the server.',
      });
  }

  /** `given.session`: chosen here unless it is given. Undefined for one that has ended. */
  async function begin(
    operator: Operator,
    by: OperatorSession['by'],
    origin: Origin,
    given: { session?: string | undefined; factor?: FactorKind } = {},
  ): Promise<Entered | undefined> {
    const { factor } = given;
    const value = given.session ?? randomText(SECRET_LENGTH, random);
    if (!(await sessions.begin(operator.id, value, by, origin))) return undefined;
    const { address, requestId } = origin;
    const cause: Cause = { actor: actorOf(operator), source: 'dashboard', address, requestId };
    const result = await operators.update(operator.id, (record) => ({
      record: { ...record, lastSignInAt: clock.now() },
      events: [
        audit.event('operator.signed_in', cause, {}, { operatorId: operator.id, name: record.name, by, factor }),
      ],
    }));
    onSignIn(true);
    return { session: value, operator: result?.after ?? operator };
  }

  async function stepOf(operator: Operator, ticket: string): Promise<SecondStep> {
    const passkey = operator.passkeys?.length ? await factors.passkeys.beginSignIn(operator) : undefined;
    return { ticket, operator, passkey };
  }

  function askFactor(operator: Operator, ticket: Omit<Ticket, 'operatorId'>): Promise<SecondStep> {
    return stepOf(operator, tickets.issue(operator, ticket));
  }

  async function holderOf(text: string) {
    const ticket = tickets.open(text);
    const operator = ticket && (await operators.find(ticket.operatorId));
    return operator && !operator.disabledAt && ticket.isFor(operator) ? { ticket, operator } : undefined;
  }

  function noteRefusal(operator: Operator | undefined, { address, requestId }: Origin): undefined {
    onSignIn(false);
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
  }

  async function proven(id: string, by: Proof | undefined): Promise<Operator> {
    const operator = await get(id);
    await prove(operator, by);
    return operator;
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
      const words = [operator.email, operator.email?.split('@')[0], operator.name, 'latchkey'];
      await passwords.assertStrong(
        password,
        words.flatMap((word) => word?.toLowerCase() ?? []),
      );
      const passwordHash = await passwords.digest(password);
      await update(id, (record) => ({ ...record, passwordHash }), cause, ['password']);
      await Promise.all([sessions.endAll(id, by?.sessionId), links.withdraw(id)]);
    },

    hasPasskeys: factors.passkeys.isPossible,
    proposeTotp: ({ email, name }, before) => factors.proposeTotp(email ?? name, before),
    confirmTotp: async (id, given, cause, by) => factors.confirmTotp(await proven(id, by), given, cause),
    removeTotp: async (id, cause, by) => factors.removeTotp(await proven(id, by), cause),
    beginPasskey: (operator) => factors.passkeys.beginRegistration(operator),
    addPasskey: async (id, given, cause, by) => factors.addPasskey(await proven(id, by), given, cause),
    removePasskey: async (id, passkeyId, cause, by) => factors.removePasskey(await proven(id, by), passkeyId, cause),
    renewRecoveryCodes: async (id, cause, by) => factors.renewRecoveryCodes(await proven(id, by), cause),
    async removeSecondFactor(id, cause) {
      if (cause.actor.id === id)
        throw new AppError('invalid_request', {
          detail: 'Another owner removes your second factor, or on the server: latchkey second-factor remove EMAIL.',
        });
      await factors.removeAll(id, cause);
      await sessions.endAll(id);
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
      const { session } = used;
      if (!used.isFirst && (await sessions.hasEnded(session))) return undefined;
      if (hasSecondFactor(operator)) return askFactor(operator, { by: 'link', session });
      if (used.isFirst) return begin(operator, 'link', origin, { session });
      // The first answer may still be on its way.
      const hasBegun = await sessions.begin(operator.id, session, 'link', origin);
      return hasBegun ? { session, operator } : undefined;
    },

    async signIn({ email, password }, origin) {
      const account = emailOf(email) ?? '';
      const found = account === '' ? undefined : await operators.findBy('email', account);
      const operator = await tries.password(account, origin.address, async () => {
        const isRight = await passwords.isRight(found?.passwordHash, password);
        return isRight && !found?.disabledAt ? found : undefined;
      });
      if (!operator) return noteRefusal(found, origin);
      return hasSecondFactor(operator) ? askFactor(operator, { by: 'password' }) : begin(operator, 'password', origin);
    },

    async secondStep(text) {
      const held = await holderOf(text);
      return held && stepOf(held.operator, text);
    },

    async finishSignIn(text, given, origin) {
      const held = await holderOf(text);
      if (!held) return undefined;
      const { operator, ticket } = held;
      const factor = await tries.code(operator.id, () => factors.take(operator, given));
      if (factor === undefined) return noteRefusal(operator, origin);
      return begin(operator, ticket.by, origin, { session: ticket.session, factor });
    },

    askPasskey: async () => (factors.passkeys.isPossible ? factors.passkeys.beginSignIn() : undefined),
    async signInByPasskey(given, origin) {
      const id = factors.passkeys.ownerOf(given.answer);
      const operator = await tries.passkey(origin.address, async () => {
        const found = id === undefined ? undefined : await operators.find(id);
        return found && !found.disabledAt && (await factors.takePasskey(found, given)) ? found : undefined;
      });
      return operator ? begin(operator, 'passkey', origin) : noteRefusal(undefined, origin);
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
