/** The secrets of a client, where a person adds, compares and removes them: the dashboard's client page and the setup of a directory. */

import { DAY_MS } from '../clock.ts';
import { isKeyed } from '../credentials/index.ts';
import { PAGE_ACTS } from '../diagnosis/index.ts';
import { IDENTITY_PROVIDERS, oauthPresetOf } from '../identity-providers/index.ts';
import { type Client, type ClientSecret, isLiveAt, mostLiveSecretsOf } from '../oauth/index.ts';
import { Ask } from './confirm.tsx';
import { endOfDay, Field } from './fields.tsx';
import { Act, Form, Submit } from './forms.tsx';
import { Row } from './lists.tsx';
import { Tag } from './parts.tsx';
import { Time, useNow } from './times.tsx';
import { useVisit } from './visit.tsx';

/** `path`: where a secret is added; the page that removes one is below it. */
export function SecretRows({ client, path }: { client: Client; path: string }) {
  const visit = useVisit();
  return (
    <ul class="rows">
      {client.secrets.map((secret) => (
        <Row
          name={isKeyed(secret.digest) ? <b>Weak secret</b> : <span class="mono">…{secret.hint}</span>}
          text={
            <>
              Added <Time at={secret.createdAt} />. <End secret={secret} />
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
      ))}
    </ul>
  );
}

export function End({ secret: { expiresAt } }: { secret: ClientSecret }) {
  const now = useNow();
  if (!expiresAt) return <>Never expires.</>;
  return (
    <>
      {expiresAt > now ? 'Expires' : 'Expired'} <Time at={expiresAt} />.
    </>
  );
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
