/** Before something is ended: a page that says what breaks by it. With a script it comes as a dialog over the page that it was asked on. */

import type { ComponentChildren } from 'preact';
import { AppError } from '../errors.ts';
import { type Client, isLiveAt } from '../oauth/index.ts';
import { Form } from './forms.tsx';
import { Head } from './heads.tsx';
import type { Visit } from './visit.tsx';

/** What ending a replaced credential is called, wherever it can be asked for. */
export const END_OLD = 'End the old one now';

/** Leads to what is confirmed first. */
export function Ask({ href, name, isMild = false }: { href: string; name: string; isMild?: boolean }) {
  return (
    <a class={isMild ? 'btn' : 'btn danger'} href={href} data-asks>
      {name}
    </a>
  );
}

/** What breaks by it, then the button that does it, and the way back. */
export function Confirm(props: {
  visit: Visit;
  trail: readonly [string, string][];
  title: string;
  /** The verb, with what it ends where that is not plain. */
  name: string;
  back: string;
  /** What the way back is called. */
  keep?: string;
  children: ComponentChildren;
}) {
  const { visit, trail, title, name, back, keep = 'Keep it', children } = props;
  return (
    <>
      <Head trail={trail} title={title} />
      <section class="panel refusal" data-confirm>
        <Form visit={visit} class="detail">
          {children}
          <div class="acts">
            <button type="submit" class="danger primary">
              {name}
            </button>
            <a class="btn quiet" href={back} data-keep>
              {keep}
            </a>
          </div>
        </Form>
      </section>
    </>
  );
}

/** Before a client's secret is taken away. Which of the two is sent is not known; so what is told is how to see it. */
export function SecretRemoval(props: {
  visit: Visit;
  trail: readonly [string, string][];
  client: Client;
  secretId: string;
  back: string;
}) {
  const { visit, trail, client, secretId, back } = props;
  const secret = client.secrets.find(({ id }) => id === secretId);
  const other = client.secrets.find((one) => one.id !== secretId && isLiveAt(one, visit.now));
  if (!secret) throw new AppError('not_found', { detail: `This client has no secret ${secretId.slice(0, 40)}.` });
  return (
    <Confirm visit={visit} trail={trail} title={`Remove the secret …${secret.hint}`} name="Remove" back={back}>
      <p>
        <b>
          Requests with the secret that ends in <span class="mono whole">…{secret.hint}</span> will be refused
          immediately.
        </b>{' '}
        {other ? (
          <>
            The one that ends in <span class="mono whole">…{other.hint}</span> keeps working. Check that the identity
            provider uses that one.
          </>
        ) : (
          "This is the client's only secret."
        )}
      </p>
    </Confirm>
  );
}
