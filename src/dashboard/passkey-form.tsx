/** A form that asks the browser for a passkey. Without a script, or in a browser without passkeys, it is not there. */
import type { ComponentChildren } from 'preact';
import { ASSETS_PREFIX } from '../pages/index.ts';

/** What a form of a passkey sends beside its own fields. */
export function passkeyIn(form: URLSearchParams): { answer: string; sealed: string } | undefined {
  const [answer, sealed] = [form.get('answer') ?? '', form.get('sealed') ?? ''];
  return answer === '' || sealed === '' ? undefined : { answer, sealed };
}

/** The fields of the question, and the script that asks it; stands in a form of its own, within `data-passkey-form`. */
export function PasskeyQuestion({
  does,
  question,
}: {
  does: 'create' | 'get';
  question: { options: object; sealed: string };
}) {
  return (
    <>
      <input type="hidden" name="sealed" value={question.sealed} />
      <input type="hidden" name="answer" value="" data-passkey={does} data-options={JSON.stringify(question.options)} />
      <small class="bad" role="alert" data-passkey-problem />
      <script type="module" src={`${ASSETS_PREFIX}passkeys.js`} />
    </>
  );
}

/** Hidden until the script finds that the browser can do it. */
export function WithPasskeys({ children }: { children: ComponentChildren }) {
  return (
    <div hidden data-passkey-form>
      {children}
    </div>
  );
}
