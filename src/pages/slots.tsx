/** What a directory's two slots hold, as two cards. */
import type { ComponentChildren } from 'preact';
import type { Actor } from '../audit/index.ts';
import { DAYS, type DirectoryView, type Holding, placeOf, titleOf } from './directory-view.ts';
import { troubleOf } from './findings.tsx';
import { capital, Spark, span, Tag, Time } from './parts.tsx';

/** Always two cards. `acts`: what may be done with a holding, or with an empty slot. `nameOf`: how the maker of one is called here. */
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
    <section class="slots" aria-label="Credentials">
      {(['a', 'b'] as const).map((slot) => {
        const holding = view.holdings.find(({ credential }) => credential.slot === slot);
        return holding ? (
          <SlotCard holding={holding} view={view} nameOf={nameOf} clientsPath={clientsPath} acts={acts(holding)} />
        ) : (
          <article class="slot free" aria-label={`${capital(placeOf(slot))}: empty`}>
            <SlotHead slot={slot} title="Empty" />
            <p class="soft">
              {view.holdings.length === 0
                ? `For the token or connection that ${view.provider} will use.`
                : 'For the next one, so that you can switch without a gap.'}
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
      <span class="key">{placeOf(slot)}</span>
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
      class={using === holding && holding.state === 'active' && !troubleOf(view.diagnosis) ? 'slot using' : 'slot'}
      aria-label={`${capital(placeOf(credential.slot))}: ${titleOf(credential)}`}
    >
      <SlotHead slot={credential.slot} title={titleOf(credential)} />
      <StateTag holding={holding} view={view} />
      <dl>
        <dt>Kind</dt>
        <dd>{credential.kind === 'oauth' ? 'Connection' : 'Token'}</dd>
        {credential.kind === 'bearer' && (
          <>
            <dt>Last characters</dt>
            <dd class="mono">{credential.weak ? 'Not shown' : `…${credential.hint}`}</dd>
          </>
        )}
        {credential.weak && (
          <>
            <dt>Strength</dt>
            <dd>
              <b>Weak</b>: {credential.kind === 'oauth' ? 'its imported refresh token' : 'it'} can be guessed, and stops
              working if this server's secret is lost. Replace it.
            </dd>
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
        <dt>Access</dt>
        <dd>{credential.scopes.includes('scim') ? 'Read and write' : 'Read only'}</dd>
        <dt>Expires</dt>
        <dd>{credential.expiresAt ? <Time at={credential.expiresAt} now={now} /> : 'Never'}</dd>
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
  const { using, now } = view;
  if (state === 'disabled') return <Tag tone="bad">disabled</Tag>;
  if (state === 'expired') return <Tag tone="bad">expired</Tag>;
  if (progress?.status === 'still_in_use') return <Tag tone="warn">replaced, still in use</Tag>;
  if (!total?.lastUsedAt) return <Tag tone="warn">not used yet</Tag>;
  const quietSeconds = Math.floor((now.getTime() - total.lastUsedAt.getTime()) / 1000);
  if (using !== holding) return <Tag>not used for {span(quietSeconds)}</Tag>;
  // Green says that all is well, so it stands beside no trouble.
  if (troubleOf(view.diagnosis)) return <Tag>used last</Tag>;
  return <Tag tone="ok">in use</Tag>;
}
