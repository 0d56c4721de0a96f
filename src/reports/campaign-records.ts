/** A campaign as it is stored, and the credentials that it chose. */
import { actorShape, outboxShape } from '../audit/index.ts';
import { json, type Stored, text } from '../storage/index.ts';
import type { ReportFilter } from './credential-rows.ts';

/** `end`: an end is set. `oauth`: contacts are asked to connect by OAuth. */
export const GOALS = ['end', 'oauth'] as const;
export type Goal = (typeof GOALS)[number];

export const CAMPAIGN_STATES = ['starting', 'running', 'stopping', 'stopped', 'finished'] as const;
export type CampaignState = (typeof CAMPAIGN_STATES)[number];

/**
 * `chosen`: nothing was done yet. `waiting`: it is as it was, perhaps with an end. `replaced`: another one stands in its place. `ended`: it is
 * gone. `skipped`: it had ended before. `restored`: the campaign was stopped, and took back the end that it had set. `left`: it was stopped,
 * and there was nothing to take back.
 */
export const MEMBER_STATES = ['chosen', 'waiting', 'replaced', 'ended', 'skipped', 'restored', 'left'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];

export const campaignShape = {
  name: 'string',
  goal: text<Goal>(),
  filter: json<ReportFilter>(),
  /** With the goal `end`. */
  'endsAt?': 'date',
  /** What the vendor wrote to the contacts. */
  'message?': 'string',
  state: text<CampaignState>(),
  /** Where choosing goes on. */
  'chosenAfter?': 'string',
  /** How often contacts are to be asked, and were. */
  rounds: 'number',
  askedRounds: 'number',
  'remindedAt?': 'date',
  /** When its next work is due; while an instance works on it, when that gives it up. */
  'workAt?': 'date',
  createdAt: 'date',
  startedBy: actorShape,
  'endedAt?': 'date',
  'stoppedBy?': actorShape,
  ...outboxShape,
} as const;
export type Campaign = Stored<typeof campaignShape>;

export const memberShape = {
  campaignId: 'string',
  credentialId: 'string',
  organizationId: 'string',
  directoryId: 'string',
  state: text<MemberState>(),
  /** Campaign and state, so that they can be counted. */
  tally: 'string',
  /** The campaign sets, or has set, its end; written before that is done. */
  'setsEnd?': 'boolean',
  /** The end that it had before. */
  'previousEnd?': 'date',
  createdAt: 'date',
} as const;
export type Member = Stored<typeof memberShape>;

export function tallyOf(campaignId: string, state: MemberState): string {
  return `${campaignId}:${state}`;
}

export function moved(member: Member, state: MemberState): Member | undefined {
  return member.state === state ? undefined : { ...member, state, tally: tallyOf(member.campaignId, state) };
}
