/** New static tokens: made here, or brought along from another system. */
import type { Attribution, Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import type { Ending } from './ending.ts';
import { type ImportInput, readImport } from './imports.ts';
import { type Credential, factsOf, type Issued, type IssueInput, subjectOf } from './records.ts';
import type { Slots } from './slots.ts';
import { type Digest, digestOf, hintOf, mintToken } from './static-token.ts';
import { assertStrongEnough, UNKNOWN_HINT, type WeakValues } from './weak-values.ts';

export function createIssuing(deps: {
  audit: Audit;
  clock: Clock;
  random: Random;
  directories: Directories;
  weakValues: WeakValues;
  slots: Slots;
  ending: Pick<Ending, 'assertNotHeldBack' | 'cut'>;
}) {
  const { audit, clock, random, directories, weakValues, slots, ending } = deps;

  function draft(
    directory: Directory,
    digest: Digest,
    hint: string,
    input: IssueInput,
    attribution: Attribution,
  ): Omit<Credential, 'slot' | 'slotKey'> {
    const now = clock.now();
    const { label, scopes = ['scim'], expiresAt } = input;
    if (expiresAt) assertEnd(expiresAt, now);
    return {
      id: newId('cred', random),
      organizationId: directory.organizationId,
      directoryId: directory.id,
      kind: 'bearer',
      state: 'active',
      digest,
      hint,
      ...(label !== undefined && { label }),
      scopes: [...new Set(scopes)],
      createdAt: now,
      createdBy: attribution.actor,
      ...(expiresAt && { expiresAt, dueAt: expiresAt }),
    };
  }

  async function issueInto(
    directory: Directory,
    input: IssueInput & Pick<Credential, 'generation' | 'replacing'> & { replaces?: string },
    attribution: Attribution,
  ): Promise<Issued> {
    const token = mintToken('scim_', random);
    const { generation, replacing, replaces } = input;
    const fresh = {
      ...draft(directory, digestOf(token), hintOf(token), input, attribution),
      ...(generation !== undefined && { generation }),
      ...(replacing && { replacing, dueAt: replacing.since }),
    };
    const credential = await slots.claim(fresh, (record) =>
      audit.event('credential.issued', attribution, subjectOf(record), {
        ...factsOf(record),
        scopes: record.scopes,
        expiresAt: record.expiresAt?.toISOString() ?? null,
        replaces,
      }),
    );
    if (attribution.commit?.() === false) await takeBack(credential.id, attribution);
    return { credential, token };
  }

  /** Ends a new credential whose value reaches no one, and throws storage_unavailable. */
  async function takeBack(
    id: string,
    attribution: Attribution,
    reason: unknown = new Error('the answer was given up'),
  ): Promise<never> {
    await ending.cut(
      id,
      { reason: 'its value was never delivered because the store was too slow', force: true },
      attribution,
    );
    throw new AppError('storage_unavailable', {}, { cause: reason });
  }

  return {
    issueInto,
    takeBack,

    async issue(directoryId: string, input: IssueInput, attribution: Attribution): Promise<Issued> {
      await ending.assertNotHeldBack(directoryId, attribution);
      return issueInto(await directories.get(directoryId), input, attribution);
    },

    async import(
      directoryId: string,
      input: ImportInput & IssueInput,
      attribution: Attribution,
      isDry = false,
    ): Promise<Credential> {
      await ending.assertNotHeldBack(directoryId, attribution);
      const directory = await directories.get(directoryId);
      const { digest, hint, form, value } = readImport(input);
      const keyed = weakValues.keyed(digest);
      const isWeak = (await assertStrongEnough(form, value, input.allowWeak)) === 'weak';
      // Under whichever digest it is kept already.
      await slots.assertNew(isWeak ? digest : keyed);
      const record = isWeak
        ? { ...draft(directory, keyed, UNKNOWN_HINT, input, attribution), weak: true }
        : draft(directory, digest, hint, input, attribution);
      if (isDry) {
        await slots.assertNew(isWeak ? keyed : digest);
        await slots.assertFree(directoryId);
        return { ...record, slot: 'a' };
      }
      if (isWeak) await weakValues.announce();
      return slots.claim(record, (record) =>
        audit.event('credential.imported', attribution, subjectOf(record), {
          ...factsOf(record),
          scopes: record.scopes,
          expiresAt: record.expiresAt?.toISOString() ?? null,
          form,
          ...(isWeak && { weak: true }),
        }),
      );
    },
  };
}

/** Times are kept as text of four-digit years; beyond those they would sort wrongly. */
const LAST_END = new Date('9998-12-31T23:59:59.999Z');

/** Throws invalid_request. */
export function assertEnd(expiresAt: Date, now: Date): void {
  if (expiresAt > now && expiresAt <= LAST_END) return;
  const isOver = expiresAt <= now;
  const wanted = isOver
    ? 'a time in the future, or null if it should never expire'
    : 'a time before the year 9999, or null if it should never expire';
  const detail = isOver ? 'expiresAt is in the past.' : 'expiresAt is too far away.';
  const given = Number.isNaN(expiresAt.getTime()) ? 'no time' : expiresAt.toISOString();
  throw new AppError('invalid_request', { detail, errors: [{ path: 'expiresAt', given, wanted }] });
}
