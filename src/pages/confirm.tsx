/** Before something is ended: a page that says what breaks by it. With a script it comes as a dialog over the page that it was asked on. */
import { Form } from './forms.tsx';
import type { Question, Shown } from './visit.tsx';

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
  if ('children' in asked) return asked;
  const { title, trail, name = title, back = above, keep = 'Keep it', effect, more, later, text } = asked;
  return {
    title,
    trail,
    children: (
      <section class="panel refusal" data-confirm>
        <Form class="detail">
          {effect !== undefined && (
            <p>
              <b>{effect}</b> {more}
            </p>
          )}
          {later !== undefined && <p class="soft">{later}</p>}
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
