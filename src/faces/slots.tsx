/** What a directory's two slots hold, in one sentence and as two cards. */
import type { ComponentChildren } from 'preact';
import type { Actor, Audit, AuditEvent } from '../audit/index.ts';
import type { Credential, Credentials, RotationProgress, Usage, UsageTotal } from '../credentials/index.ts';
import { stateAt } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { counted, Spark, span, Tag, Time, type Tone } from './parts.tsx';

/** A credential in its slot, with what is known of its use. */
export interface Holding {
  credential: Credential;
  state: Credential['state'];
  total: UsageTotal | undefined;
  progress: RotationProgress | undefined;
  /** The last 14 days, oldest first. */
  days: { accepted: number; refused: number }[];
}

export interface DirectoryView {
  directory: Directory;
  /** How its identity provider is called. */
  provider: string;
  holdings: Holding[];
  /** The one that was used last. */
  using: Holding | undefined;
  /** The latest refusal, while nothing was accepted after it. */
  refusal: AuditEvent | undefined;
  now: Date;
}

const DAY_MS = 86_400_000;
const DAYS = 14;
/** Most hours that 14 days have. */
const HOURS = 400;
const QUIET_MS = 7 * DAY_MS;
/** Events of a request that was refused. */
export const REFUSALS: readonly string[] = ['request.denied', 'token.refused'];
/** Refusals are counted together for a while, so that the one with the latest request need not be the newest event. */
const REFUSALS_LOOKED_AT = 10;

/** `isBrief`: without the days of traffic, as a list needs it. */
export async function readDirectoryView(
  deps: { credentials: Credentials; usage: Usage; audit: Audit },
  {
    directory,
    provider,
    now,
    isBrief = false,
  }: { directory: Directory; provider: string; now: Date; isBrief?: boolean },
): Promise<DirectoryView> {
  const { credentials, usage, audit } = deps;
  const [holders, refused] = await Promise.all([
    credentials.holders(directory.id),
    audit.page({ where: { directoryId: directory.id, type: REFUSALS }, limit: REFUSALS_LOOKED_AT }),
  ]);
  const totals = await usage.totals(holders.map(({ id }) => id));
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
      };
    }),
  );
  const using = latest(holdings);
  return { directory, provider, holdings, using, refusal: refusalIn(refused.items, using?.total?.lastUsedAt), now };
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

export interface Health {
  tone: Tone;
  lead: string;
  rest: ComponentChildren;
  /** What someone must do, or what else is to be known. */
  todo?: string;
}

/** The one sentence that leads a directory's page and its row in a list. */
export function healthOf({ directory, provider, holdings, using, refusal, now }: DirectoryView): Health {
  if (directory.state === 'disabled') {
    return {
      tone: 'bad',
      lead: 'This directory is disabled.',
      rest: `Every request of ${provider} is refused.`,
      todo: 'Enable it, and the same credentials work again.',
    };
  }
  const live = holdings.filter(({ state }) => state === 'active');
  if (holdings.length === 0) {
    return {
      tone: refusal ? 'warn' : 'off',
      lead: 'Not connected yet.',
      rest: refusal ? (
        <>
          Both slots are empty, and a request was refused <Time at={timeOf(refusal)} now={now} />.
        </>
      ) : (
        'Both slots are empty.'
      ),
      todo: `Generate a token for ${provider}, or connect it by OAuth.`,
    };
  }
  if (live.length === 0) {
    return {
      tone: 'bad',
      lead: 'Nothing works.',
      rest: `Each credential of ${provider} is disabled or has ended.`,
      todo: 'Enable one, or generate a new token.',
    };
  }
  const at = using?.total?.lastUsedAt;
  const where = using && `with ${spokenOf(using.credential)} in slot ${using.credential.slot.toUpperCase()}`;
  if (refusal) {
    return {
      tone: 'warn',
      lead: 'The latest request was refused.',
      rest: at ? (
        <>
          {provider} was accepted before it, <Time at={at} now={now} />, {where}.
        </>
      ) : (
        'None was accepted yet.'
      ),
    };
  }
  if (!using || !at) {
    return {
      tone: 'warn',
      lead: 'Waiting for the first request.',
      rest: `${provider} has not used its credential yet.`,
      todo: `Put it into ${provider}, and test the connection there.`,
    };
  }
  const last = (
    <>
      Last request <Time at={at} now={now} /> from {provider}, accepted {where}.
    </>
  );
  if (now.getTime() - at.getTime() > QUIET_MS) {
    return {
      tone: 'warn',
      lead: 'Quiet for long.',
      rest: last,
      todo: `Nothing was refused meanwhile. Check that provisioning is on in ${provider}.`,
    };
  }
  if (using.state !== 'active') {
    return {
      tone: 'bad',
      lead: 'What was used last is disabled.',
      rest: last,
      todo: `Enable it, or put the other credential into ${provider}.`,
    };
  }
  const today = using.days.at(-1);
  const refused = today?.refused ?? 0;
  return {
    tone: 'ok',
    lead: 'Provisioning works.',
    rest: last,
    ...(today && {
      // What was refused without this credential is no figure of its own; the page tells of it below.
      todo: `${counted(today.accepted, 'request')} accepted today${refused === 0 ? '' : `, ${refused.toLocaleString('en')} refused`}.`,
    }),
  };
}

/** Always two cards. `acts`: what may be done with a holding, or with an empty slot. `nameOf`: how whoever made one is called here. */
export function SlotCards(props: {
  view: DirectoryView;
  nameOf: (actor: Actor) => string;
  /** Where the clients can be looked at, when they can. */
  clientsPath?: string | undefined;
  acts: (holding: Holding) => ComponentChildren;
  free: (slot: 'a' | 'b') => ComponentChildren;
}) {
  const { view, nameOf, clientsPath, acts, free } = props;
  return (
    <section class="slots" aria-label="Slots">
      {(['a', 'b'] as const).map((slot) => {
        const holding = view.holdings.find(({ credential }) => credential.slot === slot);
        return holding ? (
          <SlotCard holding={holding} view={view} nameOf={nameOf} clientsPath={clientsPath} acts={acts(holding)} />
        ) : (
          <article class="slot free">
            <SlotHead slot={slot} title="Empty" />
            <p class="soft">
              {view.holdings.length === 0
                ? `Room for the credential that ${view.provider} will use.`
                : 'Room for the next credential, so that a change leaves no gap.'}
            </p>
            <div class="acts">{free(slot)}</div>
          </article>
        );
      })}
    </section>
  );
}

function SlotHead({ slot, title }: { slot: 'a' | 'b'; title: string }) {
  return (
    <div class="head">
      <h2>{title}</h2>
      <span class="key">slot {slot.toUpperCase()}</span>
    </div>
  );
}

function SlotCard(props: {
  holding: Holding;
  view: DirectoryView;
  nameOf: (actor: Actor) => string;
  clientsPath: string | undefined;
  acts: ComponentChildren;
}) {
  const { holding, view, nameOf, clientsPath, acts } = props;
  const { credential, total, days } = holding;
  const { now, using } = view;
  const accepted = days.reduce((sum, day) => sum + day.accepted, 0);
  const refused = days.reduce((sum, day) => sum + day.refused, 0);
  const from = total?.lastUsedFrom;
  return (
    <article class={using === holding && holding.state === 'active' ? 'slot using' : 'slot'}>
      <SlotHead slot={credential.slot} title={titleOf(credential)} />
      <StateTag holding={holding} view={view} />
      <dl>
        <dt>Kind</dt>
        <dd>{credential.kind === 'oauth' ? 'OAuth connection' : 'Static token'}</dd>
        {credential.kind === 'bearer' && (
          <>
            <dt>Ends in</dt>
            <dd class="mono">…{credential.hint}</dd>
          </>
        )}
        {credential.clientId !== undefined && (
          <>
            <dt>Client</dt>
            <dd class="mono">
              {clientsPath === undefined ? (
                credential.clientId
              ) : (
                <a href={`${clientsPath}/${credential.clientId}`}>{credential.clientId}</a>
              )}
            </dd>
          </>
        )}
        <dt>{credential.kind === 'oauth' ? 'Authorized' : 'Created'}</dt>
        <dd>
          <Time at={credential.createdAt} now={now} /> by {nameOf(credential.authorizedBy ?? credential.createdBy)}
        </dd>
        <dt>Last used</dt>
        <dd>
          {total?.lastUsedAt ? <Time at={total.lastUsedAt} now={now} /> : 'Never'}
          {from && (
            <>
              <br />
              <small>
                {from.address}
                {from.userAgent !== undefined && `, ${from.userAgent}`}
              </small>
            </>
          )}
        </dd>
        {total?.lastRefreshedAt && (
          <>
            <dt>Refreshed</dt>
            <dd>
              <Time at={total.lastRefreshedAt} now={now} />
              {total.accessTokenExpiresAt && total.accessTokenExpiresAt > now && (
                <small>
                  {' '}
                  (access token: {span(Math.round((total.accessTokenExpiresAt.getTime() - now.getTime()) / 1000))} left)
                </small>
              )}
            </dd>
          </>
        )}
        <dt>May</dt>
        <dd>{credential.scopes.includes('scim') ? 'read and write' : 'read only'}</dd>
        <dt>Expires</dt>
        <dd>{credential.expiresAt ? <Time at={credential.expiresAt} now={now} /> : 'No end'}</dd>
      </dl>
      <div>
        <Spark days={days} now={now} />
        <small>
          {accepted.toLocaleString('en')} accepted, {refused.toLocaleString('en')} refused in {DAYS} days
        </small>
      </div>
      <div class="acts">{acts}</div>
    </article>
  );
}

function StateTag({ holding, view }: { holding: Holding; view: DirectoryView }) {
  const { state, total, progress } = holding;
  const { provider, using, now } = view;
  if (state === 'disabled') return <Tag tone="bad">disabled</Tag>;
  if (state === 'expired') return <Tag tone="bad">expired</Tag>;
  if (progress?.status === 'still_in_use') return <Tag tone="warn">replaced, still in use</Tag>;
  if (!total?.lastUsedAt) return <Tag tone="warn">not used yet</Tag>;
  const quietMs = now.getTime() - total.lastUsedAt.getTime();
  if (using === holding && quietMs <= QUIET_MS) return <Tag tone="ok">{provider} uses this one</Tag>;
  return <Tag tone="warn">quiet for {span(Math.floor(quietMs / 1000))}</Tag>;
}
