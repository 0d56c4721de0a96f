/** What a directory's two slots hold, in one sentence and as two cards. */
import type { ComponentChildren } from 'preact';
import type { Actor, Audit, AuditEvent } from '../audit/index.ts';
import type { Credential, Credentials, RotationProgress, Usage, UsageTotal } from '../credentials/index.ts';
import { stateAt } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { capital, counted, Spark, span, Tag, Time, type Tone } from './parts.tsx';

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

const DAY_MS = 86_400_000;
const DAYS = 14;
/** Most hours that 14 days have. */
const HOURS = 400;
const QUIET_MS = 7 * DAY_MS;
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

/** Those that need someone come first. */
export const URGENCY: Record<Tone, number> = { bad: 0, warn: 1, off: 2, ok: 3 };

export interface Health {
  tone: Tone;
  lead: string;
  rest: ComponentChildren;
  /** What someone must do, or what else is to be known. */
  todo?: string;
}

/** Of a failure behind the gateway, after "the SCIM server". */
const FAILURES: Record<string, string> = {
  not_configured: 'is not set for this directory',
  unreachable: 'could not be reached',
  timed_out: 'did not answer in time',
  answered: 'answered with an error',
};

/** What failed, and who mends it; undefined when nothing did. */
export function failureOf({ failure, provider }: DirectoryView): { what: string; todo: string } | undefined {
  if (!failure) return undefined;
  const { reason, status } = failure.data;
  const what = FAILURES[String(reason)] ?? 'failed';
  return {
    what: `the SCIM server behind the gateway ${what}${status === undefined ? '' : ` (${status})`}`,
    todo: `Whoever runs the SCIM server mends this; nothing has to be changed in ${provider}.`,
  };
}

/** The one sentence that leads a directory's page and its row in a list. */
export function healthOf(view: DirectoryView): Health {
  const { directory, provider, holdings, using, refusal, acceptedAt, now } = view;
  if (directory.state === 'disabled') {
    return {
      tone: 'bad',
      lead: 'This directory is disabled.',
      rest: `Every request of ${provider} is refused.`,
      todo: 'Once it is enabled, the same credentials work again.',
    };
  }
  const live = holdings.filter(({ state }) => state === 'active');
  const was = acceptedAt && <Time at={acceptedAt} now={now} />;
  if (holdings.length === 0) {
    return {
      tone: refusal ? 'warn' : 'off',
      lead: was ? 'Not connected any more.' : 'Not connected yet.',
      rest: (
        <>
          Both slots are empty{was && <>; the last request was accepted {was}</>}
          {refusal && (
            <>
              {was ? ', and one' : ', and a request'} was refused <Time at={timeOf(refusal)} now={now} />
            </>
          )}
          .
        </>
      ),
      todo: `Generate a token for ${provider}, or set it up step by step.`,
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
  const isOver = acceptedAt !== undefined && (at === undefined || at < acceptedAt);
  const where = isOver
    ? 'with a credential that is over now'
    : using && `with ${spokenOf(using.credential)} in slot ${using.credential.slot.toUpperCase()}`;
  if (refusal) {
    return {
      tone: 'warn',
      lead: 'The latest request was refused.',
      rest: was ? (
        <>
          {capital(provider)} was accepted before it, {was}, {where}.
        </>
      ) : (
        'None was accepted yet.'
      ),
    };
  }
  if (!using || !at) {
    return {
      tone: 'warn',
      lead: was ? 'Waiting for the first request with the new credential.' : 'Waiting for the first request.',
      rest: was ? (
        <>
          {capital(provider)} was accepted {was}, {where}.
        </>
      ) : (
        `${capital(provider)} has not used its credential yet.`
      ),
      todo: `Put it into ${provider}, and test the connection there.`,
    };
  }
  const failed = failureOf(view);
  if (failed) {
    return {
      tone: 'bad',
      lead: 'Accepted here, and failed behind the gateway.',
      rest: (
        <>
          The token is right, and {failed.what}, {was}.
        </>
      ),
      todo: failed.todo,
    };
  }
  const last = (
    <>
      Last request {was} from {provider}, accepted {where}.
    </>
  );
  if (using.isClientGone) {
    return {
      tone: 'bad',
      lead: 'It gets no further token: its client was deleted.',
      rest: last,
      todo: 'Connect it again by another client, or generate a token, before its access token ends.',
    };
  }
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
  const today = holdings.reduce((sum, { days }) => sum + (days.at(-1)?.accepted ?? 0), 0);
  const refused = view.troubles
    .filter((event) => REFUSALS.includes(event.type) && isSameDay(timeOf(event), now))
    .reduce((sum, { count = 1 }) => sum + count, 0);
  return {
    tone: 'ok',
    lead: 'Provisioning works.',
    rest: last,
    todo: `${counted(today, 'request')} accepted today with what holds a slot${refused === 0 ? '' : `; ${counted(refused, 'request')} refused`}.`,
  };
}

/** In UTC, as requests are counted. */
function isSameDay(a: Date, b: Date): boolean {
  return a.toISOString().slice(0, 10) === b.toISOString().slice(0, 10);
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
          <article class="slot free" aria-label={`Slot ${slot.toUpperCase()}: empty`}>
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
    <article
      class={using === holding && holding.state === 'active' ? 'slot using' : 'slot'}
      aria-label={`Slot ${credential.slot.toUpperCase()}: ${titleOf(credential)}`}
    >
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
  if (using === holding && quietMs <= QUIET_MS) return <Tag tone="ok">{capital(provider)} uses this one</Tag>;
  return <Tag tone="warn">quiet for {span(Math.floor(quietMs / 1000))}</Tag>;
}
