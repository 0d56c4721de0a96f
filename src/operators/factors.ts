/** What an operator shows besides the password or a link: the code of an authenticator, a passkey, or in their place a recovery code. */
import type { Attribution, Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Random } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import { createPasskeys, type Passkeys } from './passkeys.ts';
import { hasSecondFactor, type Operator } from './records.ts';
import { newRecoveryCodes, recoveryDigestOf } from './recovery-codes.ts';
import { createSecondFactor } from './second-factor.ts';

const FACTORS = ['totp', 'passkey', 'recovery_code'] as const;
export type FactorKind = (typeof FACTORS)[number];

/** What somebody sends to show the second factor; what is empty was not sent. */
export interface FactorGiven {
  code?: string | undefined;
  recoveryCode?: string | undefined;
  passkey?: { answer: string; sealed: string } | undefined;
}

const MOST_PASSKEYS = 10;

export function createFactors(deps: {
  operators: {
    update(
      id: string,
      change: (record: Operator) => { record: Operator; events: ReturnType<Audit['event']>[] } | undefined,
    ): Promise<{ after: Operator } | undefined>;
  };
  /** Changes an operator and tells what was changed. Throws not_found. */
  update(
    id: string,
    change: (record: Operator) => Operator,
    attribution: Attribution,
    changed: string[],
  ): Promise<Operator>;
  clock: Clock;
  random: Random;
  secret: string;
  publicUrl: string;
}) {
  const { operators, update, random, secret } = deps;
  const totp = createSecondFactor(deps);
  const passkeys: Passkeys = createPasskeys(deps);

  /** Takes something that works once: `use` gives the record after it, and undefined when it is gone already. */
  async function takeOnce(id: string, use: (record: Operator) => Operator | undefined): Promise<boolean> {
    let isTaken = false;
    await operators.update(id, (before) => {
      const record = use(before);
      isTaken = record !== undefined;
      return record && { record, events: [] };
    });
    return isTaken;
  }

  async function takeCode(operator: Operator, code: string): Promise<boolean> {
    if (operator.totp === undefined) return false;
    const step = totp.stepOf(unseal(operator.totp, secret, 'secrets of authenticators'), code);
    if (step === undefined) return false;
    return takeOnce(operator.id, (record) =>
      (record.totpUsed ?? 0) < step ? { ...record, totpUsed: step } : undefined,
    );
  }

  function takeRecoveryCode({ id }: Operator, code: string): Promise<boolean> {
    const digest = recoveryDigestOf(code);
    return takeOnce(id, (record) => {
      const left = record.recoveryCodes?.filter((known) => known !== digest);
      return left?.length === record.recoveryCodes?.length ? undefined : { ...record, recoveryCodes: left ?? [] };
    });
  }

  async function takePasskey(
    operator: Operator,
    { answer, sealed }: { answer: string; sealed: string },
  ): Promise<boolean> {
    const used = await passkeys.check(operator, answer, sealed);
    if (!used) return false;
    const { passkey, askedAt } = used;
    return takeOnce(operator.id, (record) => {
      // A challenge is answered once: never again it, nor one that was made before it.
      const isFirst = (record.passkeyAskedAt ?? 0) < askedAt && record.passkeys?.some(({ id }) => id === passkey.id);
      if (!isFirst) return undefined;
      const kept = record.passkeys?.map((known) => (known.id === passkey.id ? passkey : known)) ?? [];
      return { ...record, passkeys: kept, passkeyAskedAt: askedAt };
    });
  }

  /** With the first factor come codes for the day on which it is lost. */
  async function add(
    operator: Operator,
    added: (record: Operator) => Operator,
    attribution: Attribution,
    changed: string,
  ) {
    const isFirst = !hasSecondFactor(operator);
    const { codes, digests } = newRecoveryCodes(random);
    const change = (record: Operator) => ({ ...added(record), ...(isFirst && { recoveryCodes: digests }) });
    await update(operator.id, change, attribution, [changed]);
    return isFirst ? codes : undefined;
  }

  /** Throws invalid_request for the last one: a person who found a browser open must not remove it. */
  function assertNotLast(operator: Operator): void {
    if (hasSecondFactor(operator)) return;
    throw new AppError('invalid_request', {
      detail: 'This is your only second factor. Add another one first, or ask another owner to remove it.',
    });
  }

  return {
    passkeys,
    takePasskey,
    proposeTotp: totp.propose,

    /** Which of them was right; undefined for none. */
    async take(operator: Operator, { code, recoveryCode, passkey }: FactorGiven): Promise<FactorKind | undefined> {
      if (passkey && (await takePasskey(operator, passkey))) return 'passkey';
      if (code && (await takeCode(operator, code))) return 'totp';
      if (recoveryCode && (await takeRecoveryCode(operator, recoveryCode))) return 'recovery_code';
      return undefined;
    },

    async confirmTotp(operator: Operator, given: { secret: string; code: string }, attribution: Attribution) {
      if (operator.totp !== undefined)
        throw new AppError('invalid_request', { detail: 'You already have an authenticator app. Remove it first.' });
      const step = totp.stepOf(given.secret, given.code);
      if (step === undefined)
        throw new AppError('invalid_request', {
          detail: 'Wrong code. Nothing was changed. Try the next code from your authenticator app.',
        });
      const sealed = seal(given.secret, secret, 'secrets of authenticators', random);
      return add(
        operator,
        (record) => ({ ...record, totp: sealed, totpUsed: step }),
        attribution,
        'second factor added',
      );
    },

    async removeTotp({ id }: Operator, attribution: Attribution): Promise<void> {
      const change = ({ totp: _totp, totpUsed: _used, ...record }: Operator) => {
        assertNotLast(record);
        return record;
      };
      await update(id, change, attribution, ['second factor removed']);
    },

    async addPasskey(
      operator: Operator,
      given: { name: string; answer: string; sealed: string },
      attribution: Attribution,
    ) {
      const passkey = await passkeys.finishRegistration(operator, given);
      const added = (record: Operator) => {
        const held = record.passkeys ?? [];
        if (held.length >= MOST_PASSKEYS)
          throw new AppError('invalid_request', { detail: `You have ${MOST_PASSKEYS} passkeys. Remove one first.` });
        return { ...record, passkeys: [...held, passkey] };
      };
      return add(operator, added, attribution, 'passkey added');
    },

    async renamePasskey({ id }: Operator, passkeyId: string, name: string, attribution: Attribution): Promise<void> {
      const change = (record: Operator) => {
        if (!record.passkeys?.some((known) => known.id === passkeyId))
          throw new AppError('not_found', { detail: "You don't have this passkey." });
        return {
          ...record,
          passkeys: record.passkeys.map((known) => (known.id === passkeyId ? { ...known, name } : known)),
        };
      };
      await update(id, change, attribution, ['passkey renamed']);
    },

    async removePasskey({ id }: Operator, passkeyId: string, attribution: Attribution): Promise<void> {
      const change = (record: Operator) => {
        const left = record.passkeys?.filter((known) => known.id !== passkeyId) ?? [];
        if (left.length === (record.passkeys?.length ?? 0))
          throw new AppError('not_found', { detail: "You don't have this passkey." });
        const after = { ...record, passkeys: left };
        assertNotLast(after);
        return after;
      };
      await update(id, change, attribution, ['passkey removed']);
    },

    /** The codes before them work no longer. Throws invalid_request where there is nothing to recover. */
    async renewRecoveryCodes(operator: Operator, attribution: Attribution): Promise<string[]> {
      if (!hasSecondFactor(operator))
        throw new AppError('invalid_request', { detail: 'Add a second factor first. Recovery codes come with it.' });
      const { codes, digests } = newRecoveryCodes(random);
      await update(operator.id, (record) => ({ ...record, recoveryCodes: digests }), attribution, [
        'recovery codes made',
      ]);
      return codes;
    },

    async removeAll(id: string, attribution: Attribution): Promise<void> {
      const change = ({
        totp: _totp,
        totpUsed: _used,
        passkeys: _passkeys,
        recoveryCodes: _codes,
        ...record
      }: Operator) => record;
      await update(id, change, attribution, ['second factor removed']);
    },
  };
}
