/** Operators as one part: their records, sign-in, own factors, links and sessions. */
import { type Attribution, type Audit, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Share } from '../http/limiter.ts';
import type { Random } from '../identifiers.ts';
import { createSignInLinks, type LinkState } from '../one-time-links/index.ts';
import { isDuplicate, type Page, type Storage } from '../storage/index.ts';
import { createAccounts } from './accounts.ts';
import { createFactors } from './factors.ts';
import { createMembership, type NewOperator, type OperatorChanges } from './membership.ts';
import type { Passkeys } from './passkeys.ts';
import { createPasswords } from './passwords.ts';
import { createProofs, type Proof } from './proofs.ts';
import { emailOf, type Operator } from './records.ts';
import { createSessions, type OperatorSession } from './sessions.ts';
import { createSignIn, type SignIn } from './sign-in.ts';
import { createTries } from './tries.ts';

/** Where a `Proof` is taken: throws invalid_request when it needs the current password and has another one; rate_limited. */
export interface Operators extends SignIn {
  /** Throws email_taken. */
  create(input: Omit<NewOperator, 'initial' | 'subject'>, attribution: Attribution): Promise<Operator>;
  find(id: string): Promise<Operator | undefined>;
  findByEmail(email: string): Promise<Operator | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Operator>;
  page(query: { after?: string | undefined; limit: number }): Promise<Page<Operator>>;
  /** Another address needs the proof. Throws not_found, email_taken, last_owner. */
  change(id: string, changes: OperatorChanges, attribution: Attribution, by?: Proof): Promise<Operator>;
  /** Ends all sessions and withdraws links at once. Throws not_found, last_owner. */
  disable(id: string, attribution: Attribution): Promise<Operator>;
  enable(id: string, attribution: Attribution): Promise<Operator>;
  /** Throws not_found, last_owner. */
  remove(id: string, attribution: Attribution): Promise<void>;
  /** Whether a change to this account needs its password in this session. */
  needsPassword(operator: Operator, sessionId: string): Promise<boolean>;
  /** Ends all other sessions, and withdraws links. Throws invalid_request when it is too short, or of no use for this operator. */
  setPassword(id: string, password: string, attribution: Attribution, by?: Proof): Promise<void>;
  /** Whether browsers make passkeys for the public URL: it must be https, or localhost, and no address. */
  hasPasskeys: boolean;
  /** A secret for an authenticator, not in force before `confirmTotp`; `before`: one that was proposed already. */
  proposeTotp(operator: Operator, before?: string): { secret: string; uri: string };
  /** Throws invalid_request when the code is not of this secret, or there is a second factor already. */
  confirmTotp(
    id: string,
    given: { secret: string; code: string },
    attribution: Attribution,
    by?: Proof,
  ): Promise<RecoveryCodes>;
  /** Throws invalid_request when it is the only second factor. */
  removeTotp(id: string, attribution: Attribution, by?: Proof): Promise<void>;
  beginPasskey(operator: Operator): ReturnType<Passkeys['beginRegistration']>;
  /** `answer`: of the browser, as JSON; `sealed`: of the question. Throws invalid_request. */
  addPasskey(
    id: string,
    given: { name: string; answer: string; sealed: string },
    attribution: Attribution,
    by?: Proof,
  ): Promise<RecoveryCodes>;
  /** Throws not_found. */
  renamePasskey(id: string, passkeyId: string, name: string, attribution: Attribution): Promise<void>;
  /** Throws not_found; invalid_request when it is the only second factor. */
  removePasskey(id: string, passkeyId: string, attribution: Attribution, by?: Proof): Promise<void>;
  /** New ones in place of those before. Throws invalid_request for who has no second factor. */
  renewRecoveryCodes(id: string, attribution: Attribution, by?: Proof): Promise<string[]>;
  /**
   * Removes authenticator, passkeys and recovery codes of somebody who lost them, and ends their sessions. Another owner does it, or the
   * command line: throws invalid_request for one's own.
   */
  removeSecondFactor(id: string, attribution: Attribution): Promise<void>;
  /** A link that signs in once, within a day; those before it are withdrawn. */
  createLink(operatorId: string, attribution: Attribution): Promise<{ secret: string; expiresAt: Date }>;
  /** Until when a link of this operator can be used; undefined when there is none. */
  linkOpenUntil(operatorId: string): Promise<Date | undefined>;
  withdrawLink(operatorId: string, attribution: Attribution): Promise<void>;
  /** What a link is good for, without using it. */
  look(secret: string): Promise<LinkState | 'unknown'>;
  /** `isUse`: false for the requests that a page repeats, which keep no session open. */
  findSession(
    session: string,
    isUse?: boolean,
  ): Promise<{ operator: Operator; sessionId: string; formToken: string } | undefined>;
  sessionsOf(operatorId: string): Promise<OperatorSession[]>;
  /** Of one of the operator's own sessions. */
  endSession(operatorId: string, sessionId: string, attribution: Attribution): Promise<void>;
  /** Makes the first operator, and a link to sign in by; undefined where there is one already. */
  ensureFirst(): Promise<{ secret: string; expiresAt: Date } | undefined>;
}

/** Shown once; undefined unless it was the first second factor. */
type RecoveryCodes = string[] | undefined;

export function createOperators(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  secret: string;
  /** Where passkeys are made for. */
  publicUrl: string;
  /** How long a session lasts without a request. */
  idleMs: number;
  share: Share;
  /** Told of each attempt to sign in. */
  onSignIn: (isAccepted: boolean) => void;
}): Operators {
  const { audit } = deps;
  const accounts = createAccounts(deps);
  const { records, get, update } = accounts;
  const sessions = createSessions(deps);
  const links = createSignInLinks(deps);
  const passwords = createPasswords();
  const tries = createTries(deps.clock, deps.share);
  const factors = createFactors({ ...deps, operators: records, update });
  const proofs = createProofs({ ...deps, sessions, passwords, tries });
  const membership = createMembership({ ...deps, accounts, sessions, links, proofs });
  const { create } = membership;
  const signIn = createSignIn({ ...deps, accounts, sessions, links, passwords, factors, tries, create });

  async function proven(id: string, by: Proof | undefined): Promise<Operator> {
    const operator = await get(id);
    await proofs.take(operator, by);
    return operator;
  }

  async function createLink(operatorId: string, attribution: Attribution) {
    const { name } = await get(operatorId);
    const link = await links.create(operatorId);
    const facts = { operatorId, name, expiresAt: link.expiresAt.toISOString() };
    await audit.append(audit.event('operator.link_created', attribution, {}, facts));
    return link;
  }

  return {
    ...membership,
    ...signIn,
    find: (id) => records.find(id),
    findByEmail: (email) => records.findBy('email', emailOf(email) ?? ''),
    get,
    page: ({ after, limit }) => records.page({ after, limit, direction: 'descending' }),

    needsPassword: proofs.needsPassword,
    async setPassword(id, password, attribution, by) {
      const operator = await proven(id, by);
      if (operator.subject !== undefined)
        throw new AppError('invalid_request', { detail: 'They sign in only with your OpenID provider.' });
      if (operator.email === undefined)
        throw new AppError('invalid_request', {
          detail: 'Set an email first. It is needed to sign in with a password.',
        });
      const words = [operator.email, operator.email?.split('@')[0], operator.name, 'latchkey'];
      await passwords.assertStrong(
        password,
        words.flatMap((word) => word?.toLowerCase() ?? []),
      );
      const passwordHash = await passwords.digest(password);
      await update(id, (record) => ({ ...record, passwordHash }), attribution, ['password']);
      await Promise.all([sessions.endAll(id, by?.sessionId), links.withdraw(id)]);
    },

    hasPasskeys: factors.passkeys.isPossible,
    proposeTotp: ({ email, name }, before) => factors.proposeTotp(email ?? name, before),
    confirmTotp: async (id, given, attribution, by) => factors.confirmTotp(await proven(id, by), given, attribution),
    removeTotp: async (id, attribution, by) => factors.removeTotp(await proven(id, by), attribution),
    beginPasskey: (operator) => factors.passkeys.beginRegistration(operator),
    addPasskey: async (id, given, attribution, by) => factors.addPasskey(await proven(id, by), given, attribution),
    renamePasskey: async (id, passkeyId, name, attribution) =>
      factors.renamePasskey(await get(id), passkeyId, name, attribution),
    removePasskey: async (id, passkeyId, attribution, by) =>
      factors.removePasskey(await proven(id, by), passkeyId, attribution),
    renewRecoveryCodes: async (id, attribution, by) => factors.renewRecoveryCodes(await proven(id, by), attribution),
    async removeSecondFactor(id, attribution) {
      if (attribution.actor.id === id)
        throw new AppError('invalid_request', {
          detail:
            'Ask another owner to remove your second factor, or run latchkey second-factor remove EMAIL on the server.',
        });
      await factors.removeAll(id, attribution);
      await sessions.endAll(id);
    },

    createLink,
    linkOpenUntil: links.openUntil,
    async withdrawLink(operatorId, attribution) {
      const { name } = await get(operatorId);
      await links.withdraw(operatorId);
      await audit.append(audit.event('operator.link_withdrawn', attribution, {}, { operatorId, name }));
    },
    look: async (secret) => (await links.look(secret)).state,

    async findSession(session, isUse = true) {
      const found = await sessions.findByValue(session, isUse);
      const operator = found && (await records.find(found.operatorId));
      if (!found || !operator || operator.disabledAt) return undefined;
      return { operator, sessionId: found.id, formToken: sessions.formTokenOf(session) };
    },
    sessionsOf: sessions.of,
    async endSession(operatorId, sessionId, attribution) {
      const session = await sessions.find(sessionId);
      if (session?.operatorId !== operatorId)
        throw new AppError('not_found', { detail: 'This session does not exist.' });
      await sessions.end(sessionId);
      await audit.append(
        audit.event('operator.signed_out', attribution, {}, { operatorId, name: attribution.actor.name }),
      );
    },

    async ensureFirst() {
      if ((await records.page({ limit: 1 })).items.length > 0) return undefined;
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
