/**
 * WHO MAY. Operators, the people of the vendor who sign in to the dashboard: by a one-time link, or by e-mail address, password and, where they
 * chose one, a second factor. Of links, sessions and passwords only digests are kept.
 */
import { hash as digest } from 'node:crypto';
import { hash as hashPassword, verify as verifyPassword } from '@node-rs/argon2';
import { Secret, TOTP } from 'otpauth';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { type Audit, type Cause, outboxShape, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { digestOf, type Role } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import { seal, unseal } from '../sealing.ts';
import { isDuplicate, type Page, type Storage, type Stored, text } from '../storage/index.ts';

export const OPERATOR_ROLES = ['owner', 'admin', 'viewer'] as const satisfies Role[];
export type OperatorRole = (typeof OPERATOR_ROLES)[number];

const operatorShape = {
  name: 'string',
  /** Lower case. */
  'email?': 'string',
  role: text<OperatorRole>(),
  'disabledAt?': 'date',
  'passwordHash?': 'string',
  /** The secret of the second factor, sealed; `totpUsed` is the last time step whose code was taken. */
  'totp?': 'string',
  'totpUsed?': 'number',
  /** Issuer and subject at the vendor's own OpenID provider. */
  'subject?': 'string',
  createdAt: 'date',
  'lastSignInAt?': 'date',
  /** Only the very first one has it; unique, so that instances which start together make one. */
  'initial?': 'string',
  ...outboxShape,
} as const;

const sessionShape = {
  operatorId: 'string',
  digest: 'string',
  createdAt: 'date',
  expiresAt: 'date',
  address: 'string',
  'userAgent?': 'string',
  /** How it was begun. */
  'by?': text<'link' | 'password' | 'openid'>(),
} as const;

const linkShape = {
  operatorId: 'string',
  digest: 'string',
  createdAt: 'date',
  expiresAt: 'date',
  'usedAt?': 'date',
} as const;

export type Operator = Stored<typeof operatorShape>;
export type OperatorSession = Stored<typeof sessionShape>;

export interface Origin {
  address: string;
  userAgent?: string | undefined;
  requestId: string;
}

export interface OperatorChanges {
  name?: string | undefined;
  /** null takes it away, and the password with it. */
  email?: string | null | undefined;
  role?: OperatorRole | undefined;
}

export interface Operators {
  /** Throws email_taken. */
  create(input: { name: string; email?: string | undefined; role: OperatorRole }, cause: Cause): Promise<Operator>;
  find(id: string): Promise<Operator | undefined>;
  findByEmail(email: string): Promise<Operator | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Operator>;
  page(query: { after?: string | undefined; limit: number }): Promise<Page<Operator>>;
  /** Throws not_found, email_taken, last_owner. */
  change(id: string, changes: OperatorChanges, cause: Cause): Promise<Operator>;
  /** Ends all sessions at once. Throws not_found, last_owner. */
  disable(id: string, cause: Cause): Promise<Operator>;
  enable(id: string, cause: Cause): Promise<Operator>;
  remove(id: string, cause: Cause): Promise<void>;
  /**
   * Ends all sessions but `sessionId`, which must know the current password if it was begun with one: who finds a browser open can't shut its
   * owner out. A link or the OpenID provider is the way of those who forgot theirs. Throws invalid_request (wrong, too short, or without an
   * e-mail address), rate_limited.
   */
  setPassword(
    id: string,
    password: string,
    by: { sessionId?: string; current?: string; address?: string | undefined },
    cause: Cause,
  ): Promise<void>;
  /** A secret for an authenticator, not in force before `confirmTotp`. */
  proposeTotp(operator: Operator): { secret: string; uri: string };
  /** Throws invalid_request when the code is not of this secret. */
  confirmTotp(id: string, secret: string, code: string, cause: Cause): Promise<void>;
  removeTotp(id: string, cause: Cause): Promise<void>;
  /** A link that signs in once, within a day. */
  createLink(operatorId: string, cause: Cause): Promise<{ secret: string; expiresAt: Date }>;
  /** What a link is good for, without using it. */
  look(secret: string): Promise<'fit' | 'used' | 'expired' | 'unknown'>;
  /** One of several browsers wins. Undefined when it is not fit any more. */
  enter(secret: string, origin: Origin): Promise<{ session: string; operator: Operator } | undefined>;
  /** Undefined when anything of it is wrong; never says what. Throws rate_limited. */
  signIn(
    given: { email: string; password: string; code: string },
    origin: Origin,
  ): Promise<{ session: string; operator: Operator } | undefined>;
  /** By what the vendor's OpenID provider says; made at the first sign-in. Undefined for one that is disabled. */
  signInByOpenId(
    identity: { subject: string; name: string; email: string | undefined; role: OperatorRole },
    origin: Origin,
  ): Promise<{ session: string; operator: Operator } | undefined>;
  findSession(session: string): Promise<{ operator: Operator; sessionId: string; formToken: string } | undefined>;
  sessionsOf(operatorId: string): Promise<OperatorSession[]>;
  /** Of one of the operator's own sessions. */
  endSession(operatorId: string, sessionId: string, cause: Cause): Promise<void>;
  /** Makes the first operator, and a link to sign in by; undefined where there is one already. */
  ensureFirst(): Promise<{ secret: string; expiresAt: Date } | undefined>;
}

const SESSION_MS = 12 * 3_600_000;
const LINK_MS = 24 * 3_600_000;
const SECRET_LENGTH = 43;
const SHORTEST_PASSWORD = 12;
const LONGEST_PASSWORD = 256;
const SESSIONS = 100;
const ISSUER = 'Latchkey';
const STEP_SECONDS = 30;
/** Refused sign-ins in a quarter of an hour: of one address for one account, and of one address in all. */
const TRIES = { window: 900, forAccount: 8, forAddress: 40 };

export function createOperators(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  secret: string;
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
  const sessions = storage.collection({
    name: 'operator_sessions',
    shape: sessionShape,
    keys: { digest: 'unique', operatorId: 'index' },
    order: 'createdAt',
    expires: 'expiresAt',
  });
  const links = storage.collection({
    name: 'sign_in_links',
    shape: linkShape,
    keys: { digest: 'unique', operatorId: 'index' },
    order: 'createdAt',
  });
  const accountTries = new RateLimiterMemory({ points: TRIES.forAccount, duration: TRIES.window });
  const addressTries = new RateLimiterMemory({ points: TRIES.forAddress, duration: TRIES.window });
  /** Checked in place of an unknown account's, so that both take the same time. */
  const nobody = hashPassword(randomText(SECRET_LENGTH, random));

  async function get(id: string): Promise<Operator> {
    const operator = await operators.find(id);
    if (!operator) throw new AppError('not_found', { detail: `There is no operator ${id.slice(0, 100)}.` });
    return operator;
  }

  function taken(error: unknown, email: string | null | undefined): never {
    if (!isDuplicate(error, 'email')) throw error;
    throw new AppError('email_taken', { email }, { cause: error });
  }

  /** Someone must be left who may do everything. */
  async function assertOtherOwner(id: string): Promise<void> {
    const { items } = await operators.page({ where: { role: 'owner' }, limit: SESSIONS });
    if (!items.some((other) => other.id !== id && !other.disabledAt))
      throw new AppError('last_owner', { operatorId: id });
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
    if (!result) throw new AppError('not_found', { detail: `There is no operator ${id.slice(0, 100)}.` });
    return result.after;
  }

  async function endSessions(operatorId: string, keptId?: string): Promise<void> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await sessions.page({ where: { operatorId }, after, limit: SESSIONS });
      for (const { id } of items) if (id !== keptId) await sessions.remove(id);
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }

  /**
   * Looks at a password. A try is counted before it is made and given back when it was right, so that many at once are no more than many
   * in a row. Throws rate_limited.
   */
  async function limited<T>(
    account: string,
    address: string,
    look: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const tries = [
      { limiter: accountTries, key: digest('sha256', `${address} ${account}`, 'hex'), most: TRIES.forAccount },
      { limiter: addressTries, key: address, most: TRIES.forAddress },
    ];
    for (const { limiter, key, most } of tries) {
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key);
      if (consumedPoints > most)
        throw new AppError('rate_limited', { retryAfterSeconds: Math.ceil(msBeforeNext / 1000) });
    }
    let isFault = true;
    let found: T | undefined;
    try {
      found = await look();
      isFault = false;
    } finally {
      if (isFault || found !== undefined) for (const { limiter, key } of tries) await limiter.reward(key);
    }
    return found;
  }

  async function begin(
    operator: Operator,
    by: 'link' | 'password' | 'openid',
    { address, userAgent, requestId }: Origin,
  ) {
    const session = randomText(SECRET_LENGTH, random);
    const now = clock.now();
    await sessions.insert({
      id: newId('session', random),
      operatorId: operator.id,
      digest: digestOf(session),
      createdAt: now,
      expiresAt: new Date(now.getTime() + SESSION_MS),
      address,
      ...(userAgent !== undefined && { userAgent: userAgent.slice(0, 200) }),
      by,
    });
    const cause: Cause = { actor: actorOf(operator), source: 'dashboard', address, requestId };
    const result = await operators.update(operator.id, (record) => ({
      record: { ...record, lastSignInAt: now },
      events: [audit.event('operator.signed_in', cause, {}, { operatorId: operator.id, name: record.name, by })],
    }));
    return { session, operator: result?.after ?? operator };
  }

  function totpOf(secret: string, label: string): TOTP {
    return new TOTP({ issuer: ISSUER, label, secret: Secret.fromBase32(secret), period: STEP_SECONDS });
  }

  /** The time step of a right code: the present one, or a neighbour, since clocks differ. */
  function stepOf(secret: string, code: string): number | undefined {
    const timestamp = clock.now().getTime();
    const token = code.replace(/\s/g, '');
    if (!/^\d{6}$/.test(token)) return undefined;
    const delta = totpOf(secret, ISSUER).validate({ token, timestamp, window: 1 });
    return delta === null ? undefined : Math.floor(timestamp / 1000 / STEP_SECONDS) + delta;
  }

  /** A code is taken once. */
  async function takeCode(operator: Operator, code: string): Promise<boolean> {
    if (operator.totp === undefined) return true;
    const step = stepOf(unseal(operator.totp, sealingSecret), code);
    if (step === undefined) return false;
    let isTaken = false;
    await operators.update(operator.id, (record) => {
      isTaken = (record.totpUsed ?? 0) < step;
      return isTaken ? { record: { ...record, totpUsed: step }, events: [] } : undefined;
    });
    return isTaken;
  }

  async function createLink(operatorId: string, cause: Cause) {
    const operator = await get(operatorId);
    const secret = `lks_${randomText(SECRET_LENGTH, random)}`;
    const now = clock.now();
    const expiresAt = new Date(now.getTime() + LINK_MS);
    await links.insert({ id: newId('link', random), operatorId, digest: digestOf(secret), createdAt: now, expiresAt });
    await audit.append(
      audit.event(
        'operator.link_created',
        cause,
        {},
        { operatorId, name: operator.name, expiresAt: expiresAt.toISOString() },
      ),
    );
    return { secret, expiresAt };
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

    async change(id, { name, email, role }, cause) {
      const before = await get(id);
      if (role !== undefined && role !== 'owner' && before.role === 'owner') await assertOtherOwner(id);
      const address = email === null ? undefined : (emailOf(email ?? undefined) ?? before.email);
      const changed = [
        ...(name !== undefined && name !== before.name ? ['name'] : []),
        ...(address !== before.email ? ['email'] : []),
        ...(role !== undefined && role !== before.role ? ['role'] : []),
      ];
      if (changed.length === 0) return before;
      const change = ({ email: _email, passwordHash, ...record }: Operator): Operator => ({
        ...record,
        name: name ?? record.name,
        role: role ?? record.role,
        ...(address !== undefined && { email: address }),
        // A password without an address opens nothing.
        ...(address !== undefined && passwordHash !== undefined && { passwordHash }),
      });
      return update(id, change, cause, changed).catch((error: unknown) => taken(error, address));
    },

    async disable(id, cause) {
      const operator = await get(id);
      if (operator.role === 'owner') await assertOtherOwner(id);
      const after = await update(id, (record) => ({ ...record, disabledAt: clock.now() }), cause, ['disabled']);
      await endSessions(id);
      return after;
    },
    enable: (id, cause) => update(id, ({ disabledAt: _at, ...record }) => record, cause, ['enabled']),

    async remove(id, cause) {
      const { name, role } = await get(id);
      if (role === 'owner') await assertOtherOwner(id);
      await operators.remove(id, audit.event('operator.removed', cause, {}, { operatorId: id, name, role }));
      await endSessions(id);
    },

    async setPassword(id, password, { sessionId, current = '', address = '' }, cause) {
      const { email, passwordHash: known } = await get(id);
      const session = sessionId === undefined ? undefined : await sessions.find(sessionId);
      if (known !== undefined && session?.by === 'password') {
        const isRight = await limited(id, address, async () =>
          (await verifyPassword(known, current.slice(0, LONGEST_PASSWORD))) ? true : undefined,
        );
        if (!isRight)
          throw new AppError('invalid_request', {
            detail:
              'The current password is another one. Nothing was changed. Forgotten? Another owner makes you a sign-in link.',
          });
      }
      if (email === undefined)
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
      await endSessions(id, sessionId);
    },

    proposeTotp({ email, name }) {
      const { base32 } = new Secret({ buffer: Uint8Array.from(random.bytes(20)).buffer });
      return { secret: base32, uri: totpOf(base32, email ?? name).toString() };
    },
    async confirmTotp(id, secret, code, cause) {
      const step = /^[A-Z2-7]{32}$/.test(secret) ? stepOf(secret, code) : undefined;
      if (step === undefined) {
        throw new AppError('invalid_request', {
          detail: 'The code is not the one that the authenticator shows now. Nothing was changed; try the next code.',
        });
      }
      await update(id, (record) => ({ ...record, totp: seal(secret, sealingSecret, random), totpUsed: step }), cause, [
        'second factor added',
      ]);
    },
    async removeTotp(id, cause) {
      await update(id, ({ totp: _totp, totpUsed: _used, ...record }) => record, cause, ['second factor removed']);
    },

    createLink,

    async look(secret) {
      const link = await links.findBy('digest', digestOf(secret));
      if (!link) return 'unknown';
      if (link.usedAt) return 'used';
      return link.expiresAt <= clock.now() ? 'expired' : 'fit';
    },

    async enter(secret, origin) {
      const link = await links.findBy('digest', digestOf(secret));
      const operator = link && (await operators.find(link.operatorId));
      if (!link || !operator || operator.disabledAt) return undefined;
      let isMine = false;
      await links.update(link.id, (record) => {
        isMine = !record.usedAt && record.expiresAt > clock.now();
        return isMine ? { ...record, usedAt: clock.now() } : undefined;
      });
      return isMine ? begin(operator, 'link', origin) : undefined;
    },

    async signIn({ email, password, code }, origin) {
      const { address, requestId } = origin;
      const account = emailOf(email) ?? '';
      const operator = account === '' ? undefined : await operators.findBy('email', account);
      const entered = await limited(account, address, async () => {
        const hash = operator?.passwordHash ?? (await nobody);
        const isRight = await verifyPassword(hash, password.slice(0, LONGEST_PASSWORD));
        const isKnown = operator?.passwordHash !== undefined && !operator.disabledAt;
        const isIn = operator && isKnown && isRight && (await takeCode(operator, code));
        return isIn ? begin(operator, 'password', origin) : undefined;
      });
      if (entered) return entered;
      const actor = operator ? actorOf(operator) : undefined;
      audit.tallies.note(
        {},
        {
          type: 'operator.sign_in_refused',
          data: { ...(operator && { operatorId: operator.id }) },
          address,
          requestId,
          ...(actor && { actor }),
        },
      );
      return undefined;
    },

    async signInByOpenId({ subject, name, email, role }, origin) {
      const { address, requestId } = origin;
      const known = await operators.findBy('subject', subject);
      if (known?.disabledAt) return undefined;
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

    async findSession(session) {
      const found = await sessions.findBy('digest', digestOf(session));
      const operator = found && (await operators.find(found.operatorId));
      if (!found || !operator || operator.disabledAt) return undefined;
      return { operator, sessionId: found.id, formToken: digest('sha256', `form ${session}`, 'hex') };
    },
    sessionsOf: async (operatorId) =>
      (await sessions.page({ where: { operatorId }, limit: SESSIONS, direction: 'descending' })).items,
    async endSession(operatorId, sessionId, cause) {
      const session = await sessions.find(sessionId);
      if (session?.operatorId !== operatorId) throw new AppError('not_found', { detail: 'There is no such session.' });
      await sessions.remove(sessionId);
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

function actorOf({ id, name }: Operator) {
  return { type: 'operator' as const, id, name };
}

/** As it is kept and compared. Throws invalid_request. */
function emailOf(given: string | undefined): string | undefined {
  if (given === undefined || given.trim() === '') return undefined;
  const email = given.trim().toLowerCase();
  if (/^[^\s@]{1,64}@[^\s@]{1,190}$/.test(email)) return email;
  throw new AppError('invalid_request', {
    detail: `E-mail address: given ${email.slice(0, 100)}; wanted one such as dana@example.com.`,
  });
}
