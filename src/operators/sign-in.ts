/** The ways in: a link, a password, a passkey, the vendor's OpenID provider; and the second step where there is a second factor. */
import { type Attribution, type Audit, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Random, randomText } from '../identifiers.ts';
import type { createSignInLinks } from '../one-time-links/index.ts';
import type { Accounts } from './accounts.ts';
import type { createFactors, FactorGiven, FactorKind } from './factors.ts';
import type { NewOperator } from './membership.ts';
import type { Passkeys } from './passkeys.ts';
import type { createPasswords } from './passwords.ts';
import { actorOf, emailOf, hasSecondFactor, type Operator, type OperatorRole, type Origin } from './records.ts';
import type { OperatorSession, Sessions } from './sessions.ts';
import { createTickets, type Ticket } from './tickets.ts';
import type { createTries } from './tries.ts';

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

export interface SignIn {
  /**
   * Uses a link. One of several browsers wins, and may ask again within a minute while its session lasts. `browser`: an unpredictable value that only it has.
   * Undefined when the link is not fit any more.
   */
  enter(secret: string, browser: string, origin: Origin): Promise<Entered | SecondStep | undefined>;
  /** Undefined when anything of it is wrong; never says what. Throws rate_limited, busy. */
  signIn(given: { email: string; password: string }, origin: Origin): Promise<Entered | SecondStep | undefined>;
  /** The second step once more, with a new question; undefined when its time has passed. */
  secondStep(ticket: string): Promise<SecondStep | undefined>;
  /** Undefined when what was given is wrong, or the ticket's time has passed. Throws rate_limited. */
  finishSignIn(ticket: string, given: FactorGiven, origin: Origin): Promise<Entered | undefined>;
  /** For people with a passkey; undefined where browsers make none. */
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
}

const SECRET_LENGTH = 43;

export function createSignIn(deps: {
  accounts: Accounts;
  sessions: Sessions;
  links: ReturnType<typeof createSignInLinks>;
  passwords: ReturnType<typeof createPasswords>;
  factors: ReturnType<typeof createFactors>;
  tries: ReturnType<typeof createTries>;
  /** For who comes from the OpenID provider for the first time. */
  create(input: NewOperator, attribution: Attribution): Promise<Operator>;
  audit: Audit;
  clock: Clock;
  random: Random;
  secret: string;
  onSignIn: (isAccepted: boolean) => void;
}): SignIn {
  const { sessions, links, passwords, factors, tries, create, audit, clock, random, onSignIn } = deps;
  const { records, update } = deps.accounts;
  const tickets = createTickets(deps);

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
    const attribution: Attribution = { actor: actorOf(operator), source: 'dashboard', address, requestId };
    const result = await records.update(operator.id, (record) => ({
      record: { ...record, lastSignInAt: clock.now() },
      events: [
        audit.event('operator.signed_in', attribution, {}, { operatorId: operator.id, name: record.name, by, factor }),
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
    const operator = ticket && (await records.find(ticket.operatorId));
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

  return {
    async enter(secret, browser, origin) {
      const { link } = await links.look(secret);
      const operator = link && (await records.find(link.operatorId));
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
      const found = account === '' ? undefined : await records.findBy('email', account);
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
        const found = id === undefined ? undefined : await records.find(id);
        return found && !found.disabledAt && (await factors.takePasskey(found, given)) ? found : undefined;
      });
      return operator ? begin(operator, 'passkey', origin) : noteRefusal(undefined, origin);
    },

    async signInByOpenId({ subject, name, email, role }, origin) {
      const { address, requestId } = origin;
      const known = await records.findBy('subject', subject);
      if (role === undefined || known?.disabledAt) {
        if (known) await sessions.endAll(known.id);
        return undefined;
      }
      const attribution: Attribution = { actor: { type: 'operator', name }, source: 'dashboard', address, requestId };
      if (known) {
        // Name and role are the provider's to say, each time anew.
        const isSame = known.name === name && known.role === role;
        const after = isSame
          ? known
          : await update(known.id, (record) => ({ ...record, name, role }), attribution, ['name', 'role']);
        return begin(after, 'openid', origin);
      }
      // An address that an operator has already is not enough to become them.
      const free = email !== undefined && !(await records.findBy('email', emailOf(email) ?? '')) ? email : undefined;
      return begin(await create({ name, email: free, role, subject }, SYSTEM), 'openid', origin);
    },
  };
}
