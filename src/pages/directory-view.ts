/** A directory as it is now: what its slots hold, what was accepted last, what was refused or failed since. */

import type { Audit, AuditEvent } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import type { Credential, Credentials, RotationProgress, Usage, UsageTotal } from '../credentials/index.ts';
import { stateAt } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';

/** A credential in its slot, with what is known of its use. */
export interface Holding {
  credential: Credential;
  state: Credential['state'];
  total: UsageTotal | undefined;
  progress: RotationProgress | undefined;
  /** The last 14 days, oldest first. */
  days: { accepted: number; refused: number }[];
  /** Of a connection: its client was deleted, so it gets no further token. */
  isClientGone: boolean;
}

export interface DirectoryView {
  directory: Directory;
  /** How its identity provider is called. */
  provider: string;
  holdings: Holding[];
  /** The one that was used last. */
  using: Holding | undefined;
  /** When a request was accepted last, also with what is over by now. */
  acceptedAt: Date | undefined;
  /** What was refused or failed lately, the latest first. */
  troubles: AuditEvent[];
  /** The latest refusal, while nothing was accepted after it. */
  refusal: AuditEvent | undefined;
  /** The latest accepted request failed behind the gateway. */
  failure: AuditEvent | undefined;
  now: Date;
}

export const DAYS = 14;
/** Most hours that 14 days have. */
const HOURS = 400;
/** Events of a request that was refused. */
export const REFUSALS: readonly string[] = ['request.denied', 'token.refused'];
const FAILURE = 'upstream.failed';
/** They are counted together for a while, so that the one with the latest request need not be the newest event. */
const TROUBLES_LOOKED_AT = 12;
/** Credentials of before, whose last use is looked at. */
const ENDED_LOOKED_AT = 6;

/** `isBrief`: without the days of traffic, as a list needs it. */
export async function readDirectoryView(
  deps: {
    credentials: Credentials;
    usage: Usage;
    audit: Audit;
    clients: { find(id: string): Promise<unknown> };
  },
  {
    directory,
    provider,
    now,
    isBrief = false,
  }: { directory: Directory; provider: string; now: Date; isBrief?: boolean },
): Promise<DirectoryView> {
  const { credentials, usage, audit, clients } = deps;
  const directoryId = directory.id;
  const [holders, newest, troubles] = await Promise.all([
    credentials.holders(directoryId),
    credentials.page({ directoryId, limit: ENDED_LOOKED_AT }),
    audit.page({ where: { directoryId, type: [...REFUSALS, FAILURE] }, limit: TROUBLES_LOOKED_AT }),
  ]);
  const totals = await usage.totals([...new Set([...holders, ...newest.items].map(({ id }) => id))]);
  const from = new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS - (DAYS - 1) * DAY_MS);
  const holdings = await Promise.all(
    holders.map(async (credential): Promise<Holding> => {
      const days = Array.from({ length: DAYS }, () => ({ accepted: 0, refused: 0 }));
      const items = isBrief ? [] : (await usage.hours(credential.id, { from, limit: HOURS })).items;
      for (const { hour, accepted, refused } of items) {
        const day = days[Math.floor((hour.getTime() - from.getTime()) / DAY_MS)];
        if (!day) continue;
        day.accepted += accepted;
        day.refused += refused;
      }
      return {
        credential,
        state: stateAt(credential, now),
        total: totals.get(credential.id),
        progress: await credentials.progress(credential),
        days,
        isClientGone: credential.clientId !== undefined && (await clients.find(credential.clientId)) === undefined,
      };
    }),
  );
  const using = latest(holdings);
  const uses = [...totals.values()].map(({ lastUsedAt }) => lastUsedAt?.getTime() ?? 0);
  const acceptedAt = Math.max(0, ...uses);
  const known = {
    acceptedAt: acceptedAt === 0 ? undefined : new Date(acceptedAt),
    troubles: troubles.items.sort((a, b) => timeOf(b).getTime() - timeOf(a).getTime()),
  };
  const failure = known.troubles.find(({ type }) => type === FAILURE);
  return {
    directory,
    provider,
    holdings,
    using,
    ...known,
    refusal: refusalIn(known.troubles, known.acceptedAt),
    // It is accepted first, and fails then.
    failure: failure && timeOf(failure).getTime() >= acceptedAt ? failure : undefined,
    now,
  };
}

/** The latest refusal, when nothing was accepted after it; undefined when all is well. */
export function refusalIn(events: readonly AuditEvent[], acceptedAt: Date | undefined): AuditEvent | undefined {
  const refused = events.filter(({ type }) => REFUSALS.includes(type));
  const newest = refused.sort((a, b) => timeOf(b).getTime() - timeOf(a).getTime())[0];
  return newest && (acceptedAt === undefined || timeOf(newest) > acceptedAt) ? newest : undefined;
}

/** Of what is counted together: the last time. */
export function timeOf({ lastAt, at }: AuditEvent): Date {
  return lastAt ?? at;
}

function latest(holdings: Holding[]): Holding | undefined {
  const used = holdings.filter(({ total }) => total?.lastUsedAt !== undefined);
  return used.sort((a, b) => lastUse(b) - lastUse(a))[0];
}

function lastUse({ total }: Holding): number {
  return total?.lastUsedAt?.getTime() ?? 0;
}

export function titleOf({ label, kind }: Credential): string {
  return label ?? (kind === 'oauth' ? 'OAuth connection' : 'Static token');
}

/** A credential within a sentence. */
export function spokenOf({ label, kind }: Credential): string {
  return label === undefined ? `the ${kind === 'oauth' ? 'OAuth connection' : 'static token'}` : `“${label}”`;
}
