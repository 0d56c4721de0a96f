/** Before something is ended: a page that says what breaks by it. With a script it comes as a dialog over the page that it was asked on. */
import { AppError } from '../errors.ts';
import { type Client, isLiveAt } from '../oauth/index.ts';
import { Form } from './forms.tsx';
import type { Question, Shown, Visit } from './visit.tsx';

/** What ending a replaced credential is called, wherever it can be asked for. */
export const END_OLD = 'Revoke the old one now';

/** Leads to what is confirmed first. */
export function Ask({ href, name, isMild = false }: { href: string; name: string; isMild?: boolean }) {
  return (
    <a class={isMild ? 'btn' : 'btn danger'} href={href} data-asks>
      {name}
    </a>
  );
}

/** A question as a page: what breaks by it, then the button that does it, and the way back. */
export function questionPage(asked: Question | Shown, above: string): Shown {
  if (!('text' in asked)) return asked;
  const { title, trail, name = title, back = above, keep = 'Keep it', text } = asked;
  return {
    title,
    trail,
    children: (
      <section class="panel refusal" data-confirm>
        <Form class="detail">
          {text}
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
    ),
  };
}

/** Before a client's secret is taken away. Which of the two is sent is not known; so what is told is how to see it. */
export function secretRemoval({ params, now }: Visit, client: Client): Pick<Question, 'title' | 'name' | 'text'> {
  const secretId = params['secretId'] ?? '';
  const secret = client.secrets.find(({ id }) => id === secretId);
  const other = client.secrets.find((one) => one.id !== secretId && isLiveAt(one, now));
  if (!secret) throw new AppError('not_found', { detail: `This client has no secret ${secretId.slice(0, 40)}.` });
  return {
    title: `Remove the secret …${secret.hint}`,
    name: 'Remove',
    text: (
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
    ),
  };
}
