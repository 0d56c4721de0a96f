/** Campaigns: many credentials are moved at once. They are chosen by a filter, get an end or are asked to move to OAuth, and are watched until they are gone. */
import type { Attribution, Audit } from '../audit/index.ts';
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import type { Credentials } from '../credentials/index.ts';
import type { Directories, Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Notifications } from '../notifications/index.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import type { Page, Storage } from '../storage/index.ts';
import {
  type Campaign,
  campaignShape,
  type Goal,
  MEMBER_STATES,
  type Member,
  type MemberState,
  memberShape,
  tallyOf,
} from './campaign-records.ts';
import { createCampaignWork } from './campaign-work.ts';
import type { CredentialReport, CredentialRow, ReportFilter } from './credential-rows.ts';

export interface CampaignInput {
  name: string;
  goal: Goal;
  filter: ReportFilter;
  endsAt?: Date | undefined;
  message?: string | undefined;
}

export interface Preview {
  count: number;
  organizations: number;
  /** Of them, those without a contact who confirmed: the owners are told in their place. */
  unreachable: number;
  /** The first ones. */
  rows: CredentialRow[];
}

export interface Campaigns {
  /** What a campaign would choose; nothing is changed. Throws invalid_request where that is too much. */
  preview(filter: ReportFilter, goal: Goal): Promise<Preview>;
  /** Throws invalid_request. */
  start(input: CampaignInput, attribution: Attribution): Promise<Campaign>;
  /** Throws not_found. */
  get(id: string): Promise<Campaign>;
  /** Newest first. */
  page(query: { after?: string | undefined; limit: number }): Promise<Page<Campaign>>;
  members(id: string, query: { after?: string | undefined; limit: number }): Promise<Page<Member>>;
  progress(id: string): Promise<Record<MemberState, number>>;
  /** Asks once more where credentials wait. Throws not_found, invalid_request (not running, or asked within the hour). */
  remind(id: string, attribution: Attribution): Promise<Campaign>;
  /** Ends that it set are taken back. Throws not_found; invalid_request where it has ended. */
  stop(id: string, attribution: Attribution): Promise<Campaign>;
  /** A portal link for each organization with credentials that wait, for the vendor to send; shown once. Throws not_found, invalid_request. */
  links(id: string, attribution: Attribution): Promise<{ organizationId: string; organization: string; url: string }[]>;
  /** Goes on with what is due; called in rounds. */
  advance(): Promise<void>;
}

/** Credentials of one campaign. */
export const MOST_MEMBERS = 10_000;
const MOST_LINKS = 500;
const SHOWN = 50;
const PAGE = 200;

export function createCampaigns(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  log: Log;
  credentials: Credentials;
  directories: Pick<Directories, 'find'>;
  organizations: Pick<Organizations, 'find'>;
  portalLinks: Pick<PortalLinks, 'create'>;
  notifications: Pick<Notifications, 'invite' | 'hasConfirmed'>;
  report: CredentialReport;
  publicUrl: string;
}): Campaigns {
  const { storage, audit, clock, random, report, notifications, organizations, portalLinks, publicUrl } = deps;
  const campaigns = audit.track(
    'campaigns',
    storage.collection({
      name: 'campaigns',
      shape: campaignShape,
      keys: { state: 'index', workAt: 'index', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );
  const members = storage.collection({
    name: 'campaign_members',
    shape: memberShape,
    keys: { campaignId: 'index', credentialId: 'index', tally: 'index' },
    order: 'createdAt',
  });
  const work = createCampaignWork({ ...deps, campaigns, members });

  async function get(id: string): Promise<Campaign> {
    const campaign = await campaigns.find(id);
    if (!campaign) throw new AppError('not_found', { detail: `There is no campaign ${id}.` });
    return campaign;
  }

  async function preview(given: ReportFilter, goal: Goal): Promise<Preview> {
    const seen = new Set<string>();
    const rows: CredentialRow[] = [];
    let count = 0;
    for await (const batch of report.all({ filter: chosenBy(given, goal), sort: 'created' })) {
      count += batch.length;
      if (count > MOST_MEMBERS)
        throw wrong(
          'filter',
          `It matches more than ${MOST_MEMBERS.toLocaleString('en')} credentials.`,
          'a filter that matches fewer',
        );
      for (const row of batch) seen.add(row.credential.organizationId);
      rows.push(...batch.slice(0, SHOWN - rows.length));
    }
    let unreachable = 0;
    for (const id of seen) if (!(await notifications.hasConfirmed(id))) unreachable++;
    return { count, organizations: seen.size, unreachable, rows };
  }

  /** Organizations with credentials that wait, each with how many. */
  async function waiting(campaignId: string): Promise<Map<string, Member[]>> {
    const found = new Map<string, Member[]>();
    let after: string | undefined;
    do {
      const page = await members.page({ where: { tally: tallyOf(campaignId, 'waiting') }, after, limit: PAGE });
      for (const member of page.items)
        found.set(member.organizationId, [...(found.get(member.organizationId) ?? []), member]);
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    return found;
  }

  const facts = ({ id, name }: Campaign) => ({ campaignId: id, name });
  // About all organizations, even where the filter names one: a campaign's name is the vendor's own.
  const SUBJECT = {};

  return {
    preview,
    get,
    page: (query) => campaigns.page({ ...query, direction: 'descending' }),
    members: (campaignId, query) => members.page({ ...query, where: { campaignId } }),

    async progress(campaignId) {
      const counts = await Promise.all(
        MEMBER_STATES.map((state) => members.count({ tally: tallyOf(campaignId, state) })),
      );
      return Object.fromEntries(MEMBER_STATES.map((state, index) => [state, counts[index] ?? 0])) as Record<
        MemberState,
        number
      >;
    },

    async start({ name, goal, filter, endsAt, message }, attribution) {
      const now = clock.now();
      if (goal === 'end' && (endsAt === undefined || endsAt.getTime() < now.getTime() + DAY_MS))
        throw wrong('endsAt', 'The end is missing, or less than a day away.', 'a time at least a day from now');
      const { count } = await preview(filter, goal);
      if (count === 0) throw wrong('filter', 'No credential matches the filter.', 'a filter that matches credentials');
      const campaign: Campaign = {
        id: newId('camp', random),
        name,
        goal,
        filter: chosenBy(filter, goal),
        ...(goal === 'end' && endsAt && { endsAt }),
        ...(message !== undefined && { message }),
        state: 'starting',
        rounds: 1,
        askedRounds: 0,
        workAt: now,
        createdAt: now,
        startedBy: attribution.actor,
      };
      const told = { ...facts(campaign), goal, ...(campaign.endsAt && { endsAt: campaign.endsAt.toISOString() }) };
      await campaigns.insert(campaign, [audit.event('campaign.started', attribution, SUBJECT, told)]);
      return campaign;
    },

    async remind(id, attribution) {
      const now = clock.now();
      const result = await campaigns.update(id, (record) => {
        if (record.state !== 'running') throw wrong('id', `The campaign is ${record.state}.`, 'one that is running');
        const askedAt = record.remindedAt ?? record.createdAt;
        if (now.getTime() - askedAt.getTime() < HOUR_MS)
          throw wrong('id', 'The contacts were asked less than an hour ago.', 'a later time');
        return {
          record: { ...record, rounds: record.rounds + 1, remindedAt: now, workAt: now },
          events: [audit.event('campaign.reminded', attribution, SUBJECT, facts(record))],
        };
      });
      return result ? result.after : get(id);
    },

    async stop(id, attribution) {
      const result = await campaigns.update(id, (record) => {
        if (record.state === 'stopping' || record.state === 'stopped') return undefined;
        if (record.state === 'finished') throw wrong('id', 'The campaign is finished.', 'one that is running');
        return {
          record: { ...record, state: 'stopping', stoppedBy: attribution.actor, workAt: clock.now() },
          events: [audit.event('campaign.stopped', attribution, SUBJECT, facts(record))],
        };
      });
      return result ? result.after : get(id);
    },

    async links(id, attribution) {
      const { state } = await get(id);
      if (state !== 'running' && state !== 'starting')
        throw wrong('id', `The campaign is ${state}.`, 'one that is running');
      const found = [...(await waiting(id)).keys()];
      if (found.length > MOST_LINKS)
        throw wrong(
          'id',
          `More than ${MOST_LINKS} organizations are waiting.`,
          'contacts who confirmed, so that email reaches them',
        );
      return Promise.all(
        found.map(async (organizationId) => {
          const organization = await organizations.find(organizationId);
          const { secret } = await portalLinks.create({ organizationId }, attribution);
          const url = `${publicUrl}/portal/enter/${secret}`;
          return { organizationId, organization: organization?.name ?? organizationId, url };
        }),
      );
    },

    advance: () => work.advance(waiting),
  };
}

/** Only live ones can be moved, and only tokens to OAuth. */
function chosenBy(filter: ReportFilter, goal: Goal): ReportFilter {
  return { ...filter, states: 'live', ...(goal === 'oauth' && { kind: 'bearer' as const }) };
}

function wrong(path: string, detail: string, wanted: string): AppError {
  return new AppError('invalid_request', { detail, errors: [{ path, wanted }] });
}
