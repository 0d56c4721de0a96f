/** What a directory's two slots hold, as two cards. */
import type { ComponentChildren } from 'preact';
import type { Credential } from '../credentials/index.ts';
import { CODES, type Finding, isRefusal } from '../diagnosis/index.ts';
import { DAYS, type DirectoryView, type Holding, placeOf, sourceOf, titleOf } from './directory-view.ts';
import { troubleOf } from './findings.tsx';
import { Details } from './lists.tsx';
import { Below, capital, counted, Spark, Tag } from './parts.tsx';
import { age, Last, Time } from './times.tsx';
import { useVisit } from './visit.tsx';

/** Always two cards. `acts`: what may be done with a holding, or with an empty slot. */
export function SlotCards(props: {
  view: DirectoryView;
  acts: (holding: Holding) => ComponentChildren;
  free: (slot: 'a' | 'b') => ComponentChildren;
}) {
  const { view, acts, free } = props;
  return (
    <section class="slots" id="credentials" aria-label="Credentials">
      {(['a', 'b'] as const).map((slot) => {
        const holding = view.holdings.find(({ credential }) => credential.slot === slot);
        return holding ? (
          <SlotCard holding={holding} view={view} acts={acts(holding)} />
        ) : (
          <article class="slot free" aria-label={`${capital(placeOf(slot))}: empty`}>
            <SlotHead slot={slot} title={<h2>Empty</h2>} />
            <p class="soft">
              {view.holdings.length === 0 && slot === 'a'
                ? `For the token or connection that ${view.provider} will use.`
                : 'For your next credential, so that you can switch without interruption.'}
            </p>
            <div class="acts">{free(slot)}</div>
          </article>
        );
      })}
    </section>
  );
}

/** What stands in a slot, and which of the two it is. */
export function SlotHead({ slot, title }: { slot: 'a' | 'b'; title: ComponentChildren }) {
  return (
    <div class="head">
      {title}
      <span class="key">{placeOf(slot)}</span>
    </div>
  );
}

function SlotCard({ holding, view, acts }: { holding: Holding; view: DirectoryView; acts: ComponentChildren }) {
  const { nameOf, clientsPath } = useVisit();
  const { credential, total, days } = holding;
  const { now, using } = view;
  const accepted = days.reduce((sum, day) => sum + day.accepted, 0);
  const refused = days.reduce((sum, day) => sum + day.refused, 0);
  const from = total?.lastUsedFrom;
  const { findings } = view.diagnosis;
  const end = findings.find(({ code, facts }) => ENDS_OF_SECRETS.has(code) && facts.clientId === credential.clientId);
  const liveSecret = end?.code === 'client_secret_expired' ? end.facts.liveSecret : undefined;
  const secretEnd = end?.facts.expiresAt === undefined ? undefined : new Date(end.facts.expiresAt);
  const refusals = findings.filter(({ code, facts }) => isRefusal(code) && facts.count);
  const tokenRefusals = refusals.filter((one) => CODES[one.code].group === 'token_endpoint' && isOf(one, credential));
  const tokensRefused = tokenRefusals.reduce((sum, { facts }) => sum + (facts.count ?? 0), 0);
  // Of a value that was cut or written wrongly nobody knows whose it was.
  const isOthers = (one: Finding) => one.facts.credentialId !== undefined && !isOf(one, credential);
  const isRefusedWithout = refused === 0 && tokensRefused === 0 && refusals.length > 0 && refusals.every(isOthers);
  return (
    <article
      class={using === holding && holding.state === 'active' && !troubleOf(view.diagnosis) ? 'slot using' : 'slot'}
      aria-label={`${capital(placeOf(credential.slot))}: ${titleOf(credential)}`}
    >
      <SlotHead slot={credential.slot} title={<h2>{titleOf(credential)}</h2>} />
      <StateTag holding={holding} view={view} />
      <Details
        of={[
          ['Kind', credential.kind === 'oauth' ? 'Connection' : 'Token'],
          credential.kind === 'bearer' && [
            'Last characters',
            credential.weak ? 'Not shown' : `…${credential.hint}`,
            'mono',
          ],
          credential.weak && [
            'Strength',
            <>
              <b>Weak</b>: {credential.kind === 'oauth' ? 'its imported refresh token' : 'it'} can be guessed, and stops
              working if this server's secret is lost. Replace it.
            </>,
          ],
          credential.clientId !== undefined && [
            'Client',
            clientsPath === undefined ? (
              credential.clientId
            ) : (
              <a href={`${clientsPath}/${credential.clientId}`}>{credential.clientId}</a>
            ),
            'mono',
          ],
          [
            credential.kind === 'oauth' ? 'Authorized' : 'Created',
            <Last at={credential.createdAt} after={` by ${nameOf(credential.authorizedBy ?? credential.createdBy)}`} />,
          ],
          [
            'Last used',
            <>
              <Last at={total?.lastUsedAt} never="Never" />
              <Below>{from && sourceOf(from)}</Below>
            </>,
          ],
          total?.lastRefreshedAt && [
            'Last access token',
            <>
              <Time at={total.lastRefreshedAt} />
              {total.accessTokenExpiresAt && total.accessTokenExpiresAt > now && (
                <small>
                  {' '}
                  (access token: {age(Math.round((total.accessTokenExpiresAt.getTime() - now.getTime()) / 1000))} left)
                </small>
              )}
            </>,
          ],
          ['Access', credential.scopes.includes('scim') ? 'Read and write' : 'Read only'],
          secretEnd && [
            'Client secret',
            <>
              <Last at={secretEnd} before={secretEnd > now ? 'Expires' : 'Expired'} />
              {liveSecret?.createdAt !== undefined && (
                <Below>
                  Another one, <span class="mono whole">…{liveSecret.hint}</span>, was added{' '}
                  <Time at={new Date(liveSecret.createdAt)} />. It has not been used yet.
                </Below>
              )}
            </>,
          ],
          // The connection lasts, and gets no token where the client secret has expired.
          [
            credential.kind === 'oauth' ? 'Connection ends' : 'Expires',
            <Last at={credential.expiresAt} never="Never" />,
          ],
        ]}
      />
      <div>
        <Spark days={days} />
        <small>
          {accepted.toLocaleString('en')} accepted
          {refused > 0 && `, ${refused.toLocaleString('en')} refused`} in the last {DAYS} days.
          {tokensRefused > 0 && ` ${counted(tokensRefused, 'token request')} refused.`}
          {isRefusedWithout &&
            ` The refused requests didn't use ${credential.kind === 'oauth' ? 'this connection' : 'this token'}.`}
        </small>
      </div>
      <div class="acts">{acts}</div>
    </article>
  );
}

/** Whether a finding is about a credential, or about the client that it belongs to. */
function isOf({ facts }: Finding, { id, clientId }: Credential): boolean {
  return facts.credentialId === id || (clientId !== undefined && facts.clientId === clientId);
}

const ENDS_OF_SECRETS: ReadonlySet<string> = new Set(['client_secret_expired', 'client_secret_ends_soon']);

function StateTag({ holding, view }: { holding: Holding; view: DirectoryView }) {
  const { state, total, progress } = holding;
  const { using, now } = view;
  if (state === 'disabled') return <Tag tone="bad">disabled</Tag>;
  if (state === 'expired') return <Tag tone="bad">expired</Tag>;
  if (progress?.status === 'still_in_use') return <Tag tone="warn">replaced, still in use</Tag>;
  if (!total?.lastUsedAt) return <Tag tone="warn">not used yet</Tag>;
  const quietSeconds = Math.floor((now.getTime() - total.lastUsedAt.getTime()) / 1000);
  if (using !== holding) return <Tag>not used for {age(quietSeconds)}</Tag>;
  // Green says that all is well, so it stands beside no trouble.
  const isQuiet = view.diagnosis.findings.some(({ code }) => CODES[code].group === 'silence');
  if (troubleOf(view.diagnosis) || isQuiet) return <Tag>last used</Tag>;
  return <Tag tone="ok">in use</Tag>;
}
