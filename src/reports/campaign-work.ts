/**
 * What a campaign does in the background, in steps that can be repeated: each is written down before or after it in such a way that a crash at any
 * moment is gone on from. One instance works on a campaign at a time, as long as it renews its claim.
 */
import { type Attribution, type Audit, SYSTEM, type Tracked } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, stateAt } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { isAppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Notifications } from '../notifications/index.ts';
import { type Collection, isDuplicate } from '../storage/index.ts';
import { type Campaign, type Member, type MemberState, moved, tallyOf } from './campaign-records.ts';
import { invitationOf } from './campaign-words.ts';
import type { CredentialReport } from './credential-rows.ts';

type Waiting = (campaignId: string) => Promise<Map<string, Member[]>>;

const CLAIM_MS = 60_000;
const LOOK_AGAIN_MS = 30_000;
const PAGE = 200;
const DUE = 20;
/** Each change waits out a lease; together they wait once. */
const AT_ONCE = 50;

export function createCampaignWork(deps: {
  campaigns: Tracked<Campaign>;
  members: Collection<Member>;
  audit: Audit;
  clock: Clock;
  log: Log;
  credentials: Credentials;
  directories: Pick<Directories, 'find'>;
  notifications: Pick<Notifications, 'invite'>;
  report: CredentialReport;
}) {
  const { campaigns, members, audit, clock, log, credentials, directories, notifications, report } = deps;

  /** Takes the campaign, or keeps it; undefined where another instance has it or it was changed meanwhile. */
  async function claim(campaign: Campaign): Promise<Campaign | undefined> {
    const result = await campaigns.update(campaign.id, (record) =>
      record.state === campaign.state && record.workAt?.getTime() === campaign.workAt?.getTime()
        ? { record: { ...record, workAt: new Date(clock.now().getTime() + CLAIM_MS) }, events: [] }
        : undefined,
    );
    return result && result.after !== result.before ? result.after : undefined;
  }

  async function change(campaign: Campaign, facts: Partial<Campaign>, type?: 'campaign.finished'): Promise<void> {
    await campaigns.update(campaign.id, (record) => {
      if (record.state !== campaign.state) return undefined;
      const subject = { organizationId: record.filter.organizationId };
      const told = { campaignId: record.id, name: record.name };
      return {
        record: { ...record, ...facts },
        events: type === undefined ? [] : [audit.event(type, SYSTEM, subject, told)],
      };
    });
  }

  /** All members of a state, a few at a time, while the campaign stays ours. */
  async function each(
    given: Campaign,
    state: MemberState,
    work: (member: Member) => Promise<void>,
  ): Promise<Campaign | undefined> {
    let campaign: Campaign | undefined = given;
    let after: string | undefined;
    do {
      const page = await members.page({ where: { tally: tallyOf(given.id, state) }, after, limit: PAGE });
      for (let start = 0; start < page.items.length; start += AT_ONCE) {
        campaign = await claim(campaign);
        if (!campaign) return undefined;
        await Promise.all(page.items.slice(start, start + AT_ONCE).map(work));
      }
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    return campaign;
  }

  const setState = (id: string, state: MemberState) => members.update(id, (member) => moved(member, state));
  const isLive = (credential: Credential | undefined): credential is Credential =>
    credential !== undefined && !['revoked', 'expired'].includes(stateAt(credential, clock.now()));

  async function choose(given: Campaign): Promise<void> {
    let campaign: Campaign | undefined = given;
    let after = given.chosenAfter;
    do {
      campaign = await claim(campaign);
      if (!campaign) return;
      const page = await report.page({ filter: given.filter, sort: 'created', order: 'asc', after, limit: PAGE });
      for (const { credential } of page.items) {
        const { id: credentialId, organizationId, directoryId } = credential;
        const member: Member = {
          id: `${given.id}_${credentialId}`,
          campaignId: given.id,
          credentialId,
          organizationId,
          directoryId,
          state: 'chosen',
          tally: tallyOf(given.id, 'chosen'),
          createdAt: clock.now(),
        };
        await members.insert(member).catch((error: unknown) => {
          if (!isDuplicate(error, 'id')) throw error;
        });
      }
      after = page.nextCursor ?? undefined;
      if (after !== undefined) await change(campaign, { chosenAfter: after });
    } while (after !== undefined);
    await change(campaign, { state: 'running', workAt: clock.now() });
  }

  /** Sets the end. What was there before is written down first, so that it can be taken back. */
  async function apply({ endsAt, startedBy, goal }: Campaign, member: Member): Promise<void> {
    const credential = await credentials.find(member.credentialId);
    if (!isLive(credential)) {
      await setState(member.id, 'skipped');
      return;
    }
    const hasLaterEnd = credential.expiresAt === undefined || (endsAt !== undefined && credential.expiresAt > endsAt);
    if (goal === 'end' && endsAt && hasLaterEnd) {
      await members.update(member.id, (record) =>
        record.setsEnd
          ? undefined
          : { ...record, setsEnd: true, ...(credential.expiresAt && { previousEnd: credential.expiresAt }) },
      );
      await setEnd(member, endsAt, { actor: startedBy, source: 'system' });
    }
    await setState(member.id, 'waiting');
  }

  async function setEnd({ credentialId }: Member, expiresAt: Date | null, attribution: Attribution): Promise<void> {
    try {
      await credentials.change(credentialId, { expiresAt }, attribution);
    } catch (error) {
      // It ended meanwhile, or that end has passed.
      if (
        !isAppError(error, 'credential_final') &&
        !isAppError(error, 'invalid_request') &&
        !isAppError(error, 'not_found')
      )
        throw error;
    }
  }

  /** Looks what became of one. */
  async function watch({ goal }: Campaign, member: Member): Promise<void> {
    const credential = await credentials.find(member.credentialId);
    if (!isLive(credential)) await setState(member.id, 'ended');
    else if (goal === 'oauth' ? await hasConnection(member.directoryId) : credential.rotation !== undefined)
      await setState(member.id, 'replaced');
    else await setState(member.id, 'waiting');
  }

  async function hasConnection(directoryId: string): Promise<boolean> {
    const held = await credentials.holders(directoryId);
    return held.some(({ kind, state }) => kind === 'oauth' && state === 'active');
  }

  async function ask(campaign: Campaign, waiting: Waiting): Promise<void> {
    if (campaign.askedRounds >= campaign.rounds) return;
    for (const [organizationId, found] of await waiting(campaign.id)) {
      const names = await Promise.all(
        found.map(async ({ directoryId }) => (await directories.find(directoryId))?.name),
      );
      await notifications.invite(
        invitationOf(
          campaign,
          organizationId,
          names.filter((name) => name !== undefined),
        ),
      );
    }
    await change(campaign, { askedRounds: campaign.rounds });
  }

  async function goOn(given: Campaign, waiting: Waiting): Promise<void> {
    let campaign: Campaign | undefined = given;
    const steps: [MemberState, (member: Member) => Promise<void>][] = [
      ['chosen', (member) => apply(given, member)],
      ['waiting', (member) => watch(given, member)],
      ['replaced', (member) => watch(given, member)],
    ];
    for (const [state, work] of steps) {
      campaign = await each(campaign, state, work);
      if (!campaign) return;
    }
    await ask(campaign, waiting);
    const left = await members.count({ tally: [tallyOf(given.id, 'waiting'), tallyOf(given.id, 'replaced')] });
    const now = clock.now();
    if (left > 0) await change(campaign, { workAt: new Date(now.getTime() + LOOK_AGAIN_MS) });
    else await finish(campaign, 'finished', now);
  }

  async function finish(campaign: Campaign, state: 'finished' | 'stopped', endedAt: Date): Promise<void> {
    await change(campaign, { state, endedAt }, state === 'finished' ? 'campaign.finished' : undefined);
    await campaigns.update(campaign.id, ({ workAt, ...record }) =>
      workAt === undefined || record.state !== state ? undefined : { record, events: [] },
    );
  }

  /** Takes an end back where it is still the campaign's; what somebody chose since stays. */
  async function restore({ endsAt, stoppedBy }: Campaign, member: Member): Promise<void> {
    const credential = member.setsEnd ? await credentials.find(member.credentialId) : undefined;
    const others = member.setsEnd && endsAt ? await othersOf(member) : [];
    for (const { id } of others) await members.update(id, (other) => withoutEndOf(member, endsAt, other));
    if (!isLive(credential) || credential.expiresAt?.getTime() !== endsAt?.getTime()) {
      await setState(member.id, 'left');
      return;
    }
    await setEnd(member, member.previousEnd ?? null, { actor: stoppedBy ?? SYSTEM.actor, source: 'system' });
    // A campaign that found the end early enough sets its own now.
    for (const { id } of others)
      await members.update(id, (other) =>
        other.setsEnd || !(other.state === 'waiting' || other.state === 'replaced')
          ? undefined
          : moved(other, 'chosen'),
      );
    await setState(member.id, 'restored');
  }

  /** The same credential in other campaigns. */
  async function othersOf({ id, credentialId }: Member): Promise<Member[]> {
    const { items } = await members.page({ where: { credentialId }, limit: PAGE, direction: 'descending' });
    return items.filter((other) => other.id !== id);
  }

  async function undo(given: Campaign): Promise<void> {
    let campaign: Campaign | undefined = given;
    for (const state of ['chosen', 'waiting', 'replaced'] as const) {
      campaign = await each(campaign, state, (member) => restore(given, member));
      if (!campaign) return;
    }
    await finish(campaign, 'stopped', clock.now());
  }

  return {
    async advance(waiting: Waiting): Promise<void> {
      for (const due of await campaigns.due('workAt', new Date(clock.now().getTime() + 1), DUE)) {
        try {
          let campaign = await claim(due);
          if (campaign?.state === 'starting') {
            await choose(campaign);
            const chosen = await campaigns.find(due.id);
            campaign = chosen && (await claim(chosen));
          }
          if (campaign?.state === 'stopping') await undo(campaign);
          if (campaign?.state === 'running') await goOn(campaign, waiting);
        } catch (error) {
          // One that can't go on now must not keep the others waiting; its claim runs out.
          log.warn({ err: error, campaignId: due.id }, 'a campaign could not continue; Latchkey tries again');
        }
      }
    },
  };
}

/** An end that is taken back must not come back when another campaign, which replaced it, is stopped. */
function withoutEndOf(member: Member, endsAt: Date | undefined, other: Member): Member | undefined {
  if (other.previousEnd?.getTime() !== endsAt?.getTime()) return undefined;
  const { previousEnd: _end, ...rest } = other;
  return { ...rest, ...(member.previousEnd && { previousEnd: member.previousEnd }) };
}
