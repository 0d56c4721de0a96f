/** Whether what was put into an identity provider is used: received and accepted, refused with the remedy, or still waited for. */
import type { ComponentChildren } from 'preact';
import type { AuditEvent } from '../audit/index.ts';
import { type DirectoryView, type Holding, Icon, refusalIn, Time, timeOf } from '../faces/index.ts';
import { Refusal } from './explanations.tsx';

/** The steps of each guided way. */
export const WAYS = {
  setup: ['Identity provider', 'Kind of access', 'Put it in', 'See it used'],
  generate: ['Generate', 'Put it in', 'See it used'],
  rotate: ['Generate', 'Put it in', 'See it used', 'Retire the old one'],
} as const;

interface Waited {
  fresh: Holding | undefined;
  events: AuditEvent[];
}

/** The refusal that nothing was accepted after with the credential that is waited for. */
export function refusalOf({ fresh, events }: Waited): AuditEvent | undefined {
  return refusalIn(
    events.filter((event) => isAbout(event, fresh)),
    fresh?.total?.lastUsedAt,
  );
}

/** What happened before the new credential was there says nothing of it. */
function isAbout(event: AuditEvent, fresh: Holding | undefined): boolean {
  return timeOf(event).getTime() >= (fresh?.credential.createdAt.getTime() ?? 0);
}

/** `fresh`: the credential that is waited for; undefined while there is none, as before the first token of an OAuth client. */
export function Check(props: Waited & { view: DirectoryView; endpoint: string }) {
  const { view, fresh, events, endpoint } = props;
  const { provider, holdings, now } = view;
  const used = fresh?.total?.lastUsedAt;
  const others = holdings.filter((holding) => holding !== fresh);
  const refused = refusalOf({ fresh, events });
  const token = events.find((event) => event.type === 'token.issued' && isAbout(event, fresh));
  return (
    <>
      <section class="panel live">
        {token && (
          <Row icon={<Icon name="ok" />} at={timeOf(token)} now={now}>
            <strong>{provider} got an access token</strong>
            <small>from {token.address ?? 'an unknown address'}</small>
          </Row>
        )}
        {fresh && used ? (
          <Row icon={<Icon name={refused ? 'warn' : 'ok'} />} at={used} now={now}>
            <strong>
              {fresh.credential.kind === 'oauth'
                ? `A request of ${provider} was accepted`
                : `${provider} uses the new token`}
            </strong>
            <small>
              received in slot {fresh.credential.slot.toUpperCase()} from {fresh.total?.lastUsedFrom?.address}
              {fresh.total?.lastUsedFrom?.userAgent !== undefined && `, ${fresh.total.lastUsedFrom.userAgent}`}
            </small>
          </Row>
        ) : (
          <Row icon={<span class="dot" />} now={now}>
            <strong>
              {fresh && fresh.credential.kind === 'bearer'
                ? `Waiting for ${provider} to use it`
                : `Waiting for the first request from ${provider}`}
            </strong>
            <small>
              Test the connection in {provider}.{' '}
              {others.length > 0
                ? 'What it used before answers meanwhile; nothing is interrupted.'
                : 'It shows here within seconds.'}
            </small>
            <small data-without-script>Reload to see more.</small>
          </Row>
        )}
        {others.map(({ credential, total }) => (
          <Row icon={<span />} now={now}>
            <small>
              The other one, in slot {credential.slot.toUpperCase()}, was last used{' '}
              {total?.lastUsedAt ? <Time at={total.lastUsedAt} now={now} /> : 'never'}.
            </small>
          </Row>
        ))}
      </section>
      {refused && (
        <Refusal
          event={refused}
          provider={provider}
          endpoint={endpoint}
          now={now}
          usual={view.using?.total?.lastUsedFrom?.address}
          acceptedAt={view.using?.total?.lastUsedAt}
        />
      )}
    </>
  );
}

function Row(props: { icon: ComponentChildren; at?: Date; now: Date; children: ComponentChildren }) {
  const { icon, at, now, children } = props;
  return (
    <div class="row">
      {icon}
      <span class="what">{children}</span>
      <small>{at && <Time at={at} now={now} />}</small>
    </div>
  );
}
