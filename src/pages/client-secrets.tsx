/** The secrets of a client, where a person adds, compares and removes them: the dashboard's client page and the setup of a directory. */

import { DAY_MS } from '../clock.ts';
import { isKeyed } from '../credentials/index.ts';
import { PAGE_ACTS } from '../diagnosis/index.ts';
import { AppError } from '../errors.ts';
import { IDENTITY_PROVIDERS, oauthPresetOf } from '../identity-providers/index.ts';
import { type Client, isLiveAt, mostLiveSecretsOf, type SecretUse, type SecretUses } from '../oauth/index.ts';
import { Ask } from './confirm.tsx';
import { endOfDay, Field } from './fields.tsx';
import { Act, Form, Submit } from './forms.tsx';
import { Row, Rows } from './lists.tsx';
import { capital, Tag } from './parts.tsx';
import { Expiry, Last, Time } from './times.tsx';
import { type Question, useVisit, type Visit } from './visit.tsx';

/** Within this time most identity providers get a token at least once, so a secret that was used in it is probably in use. */
const LATELY_MS = DAY_MS;

/** `path`: where a secret is added; the page that removes one is below it. */
export function SecretRows({ client, uses, path }: { client: Client; uses: SecretUses; path: string }) {
  const visit = useVisit();
  return (
    <Rows
      items={client.secrets}
      row={(secret) => (
        <Row
          name={isKeyed(secret.digest) ? <b>Weak secret</b> : <span class="mono">…{secret.hint}</span>}
          text={
            <>
              Added <Time at={secret.createdAt} />. <Expiry at={secret.expiresAt} />{' '}
              <LastSecretUse secret={secret} use={uses.get(secret.id)} />
              {isKeyed(secret.digest) &&
                " It can be guessed, and stops working if this server's secret is lost. Replace it."}
            </>
          }
        >
          {!isLiveAt(secret, visit.now) && <Tag tone="bad">expired</Tag>}
          {visit.may('directories.set-up') && client.secrets.length > 1 && (
            <Ask href={`${path}/${secret.id}/remove`} name="Remove" />
          )}
        </Row>
      )}
    />
  );
}

/** `Never used.`, or with a subject `It was never used.` `use`: undefined for a secret that was added a moment ago. */
export function LastSecretUse(props: { secret: { createdAt: Date }; use: SecretUse | undefined; subject?: 'It was' }) {
  const { secret, use, subject } = props;
  const say = (text: string) => (subject ? `${subject} ${text}` : capital(text));
  const since = use?.unusedSince;
  return (
    <Last
      at={use?.lastUsedAt}
      before={say('last used')}
      after="."
      never={
        since && since > secret.createdAt ? (
          <Last at={since} before={subject ? 'It has not been used since' : 'Not used since'} after="." />
        ) : (
          say('never used.')
        )
      }
    />
  );
}

/** Before a client's secret is taken away: whether it is in use, and what goes on without it. */
export function secretRemoval(
  { params, now }: Visit,
  client: Client,
  uses: SecretUses,
): Pick<Question, 'title' | 'name' | 'text'> {
  const secretId = params['secretId'] ?? '';
  const secret = client.secrets.find(({ id }) => id === secretId);
  const others = client.secrets.filter((one) => one.id !== secretId && isLiveAt(one, now));
  if (!secret) throw new AppError('not_found', { detail: `This client has no secret ${secretId.slice(0, 40)}.` });
  const isLive = isLiveAt(secret, now);
  const use = uses.get(secretId);
  const isUsedLately = isLive && use?.lastUsedAt !== undefined && now.getTime() - use.lastUsedAt.getTime() <= LATELY_MS;
  const isReplaced = others.some(({ id }) => (uses.get(id)?.lastUsedAt ?? 0) > (use?.lastUsedAt ?? 0));
  return {
    title: `Remove the secret …${secret.hint}`,
    name: 'Remove',
    text: (
      <>
        <p>
          {isUsedLately && (
            <>
              <b>
                This secret was used <Time at={use.lastUsedAt} />, from {use.lastUsedFrom?.address}.
              </b>{' '}
            </>
          )}
          {isLive ? (
            <>
              Requests with the secret that ends in <span class="mono whole">…{secret.hint}</span> will be refused
              immediately.
            </>
          ) : (
            'This secret has expired, so it is already refused.'
          )}{' '}
          {!isUsedLately && <LastSecretUse secret={secret} use={use} subject="It was" />}
        </p>
        {others.map((other) => (
          <p>
            The one that ends in <span class="mono whole">…{other.hint}</span> keeps working.{' '}
            <LastSecretUse secret={other} use={uses.get(other.id)} subject="It was" />
          </p>
        ))}
        {isUsedLately && others.length > 0 && !isReplaced && (
          <p>Make sure that the identity provider uses {others.length === 1 ? 'that one' : 'one of those'} first.</p>
        )}
        {others.length === 0 && (
          <p>
            {client.secrets.length === 1
              ? "This is the client's only secret."
              : 'No other secret of this client works.'}
          </p>
        )}
      </>
    ),
  };
}

/** Nothing while as many are live as may be: the answer would be a refusal. */
export function AddSecret(props: { client: Client; path: string; class?: string }) {
  const { client, path } = props;
  const visit = useVisit();
  const { lifetime } = oauthPresetOf(client.provider).secrets;
  const live = client.secrets.filter((secret) => isLiveAt(secret, visit.now)).length;
  if (!visit.may('directories.set-up') || client.secrets.length === 0 || live >= mostLiveSecretsOf(client.provider))
    return null;
  const end = lifetime && new Date(visit.now.getTime() + lifetime.defaultDays * DAY_MS);
  if (lifetime?.isRequired && visit.attribution.actor.type === 'it_contact')
    return <Act action={path} name={PAGE_ACTS['add-client-secret']} tone="primary" />;
  return (
    <Form action={path} class={props.class ?? 'detail'}>
      <Field
        label="Expires on"
        name="secretExpiresOn"
        type="date"
        value={end?.toISOString().slice(0, 10)}
        isRequired={lifetime?.isRequired === true}
        hint={
          lifetime?.isRequired
            ? `${IDENTITY_PROVIDERS[client.provider].name} requires an expiration date between ${lifetime.minimumDays} and ${lifetime.maximumDays} days from now.`
            : 'Leave it empty for a secret that never expires.'
        }
      />
      <Submit name={PAGE_ACTS['add-client-secret']} />
    </Form>
  );
}

/** What was sent by the form of `AddSecret`: absent leaves the end to the identity provider. Throws invalid_request. */
export function secretEndSent(form: URLSearchParams): { expiresAt?: Date | null } {
  return form.has('secretExpiresOn') ? { expiresAt: endOfDay(form, 'secretExpiresOn') ?? null } : {};
}
