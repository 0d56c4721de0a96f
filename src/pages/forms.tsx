/** Forms that change something: only from our own pages, only with the token of the session, and each done once however often it is sent. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ComponentChildren } from 'preact';
import { isAppError } from '../errors.ts';
import type { Idempotency } from '../idempotency/index.ts';
import { Typed } from './fields.tsx';
import { messagePage } from './messages.tsx';
import { Go } from './parts.tsx';
import { type Shown, useVisit, type Visit } from './visit.tsx';

/** Browsers say where a form comes from; what does not say it is no browser of today. */
export function isFromOwnPage(headers: IncomingHttpHeaders, publicUrl: string): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined ? headers.origin === publicUrl : site === 'same-origin';
}

/** Whether a form bears the token of the session that it is sent in. */
export function hasFormToken(form: URLSearchParams, token: string): boolean {
  const [given, wanted] = [Buffer.from(form.get('token') ?? ''), Buffer.from(token)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A form that changes something; the token keeps other sites from sending it, the key keeps it from being done twice. */
export function Form(props: {
  action?: string;
  class?: string;
  /** What its fields show; so that what nobody changed can be told: see `changesIn`. */
  values?: Readonly<Record<string, string | undefined>>;
  children: ComponentChildren;
}) {
  const { action, values, children } = props;
  const visit = useVisit();
  const typed = isRefusedAt(visit, action ?? visit.path) ? visit.refused : undefined;
  return (
    <Typed.Provider value={{ ...typed, values }}>
      <form method="post" action={action} class={props.class}>
        <input type="hidden" name="token" value={visit.formToken} />
        <input type="hidden" name="formKey" value={visit.formKey} />
        {Object.entries(values ?? {}).map(([name, value = '']) => (
          <input type="hidden" name={`shown_${name}`} value={value} />
        ))}
        {children}
      </form>
    </Typed.Provider>
  );
}

/** A panel with the form that makes one more of what a page lists. */
export function FormPanel(props: {
  title: string;
  id?: string;
  action: string;
  /** The name of its button. */
  submit: string;
  isMild?: boolean;
  children: ComponentChildren;
}) {
  const { title, id, action, submit, isMild, children } = props;
  return (
    <section class="panel" id={id}>
      <h2>{title}</h2>
      <Form action={action} class="fields">
        {children}
        <Submit name={submit} isMild={isMild} />
      </Form>
    </section>
  );
}

/** A form that is closed until somebody wants it, and open where it was refused. */
export function Fold(props: {
  summary: ComponentChildren;
  id?: string;
  class?: string | undefined;
  /** The addresses of the forms in it. */
  action: string;
  isOpen?: boolean;
  children: ComponentChildren;
}) {
  const { summary, id, action, isOpen = false, children } = props;
  return (
    <details class={props.class} id={id} open={isOpen || isRefusedAt(useVisit(), action)}>
      <summary>{summary}</summary>
      {children}
    </details>
  );
}

/** A form that is sent in the address of a page: what it shows is limited or computed by that. Its fields show what the address has. */
export function Filter(props: {
  /** The page without limits. */
  action: string;
  class?: string;
  /** What was given, where it is not the address of the page. */
  given?: URLSearchParams;
  submit?: string;
  /** Whether its button is what the page is about. */
  isMain?: boolean;
  /** Whether anything is limited, so that there is a way to all. */
  isOn?: boolean;
  children: ComponentChildren;
}) {
  const { query } = useVisit();
  const { action, given = query, submit = 'Filter', isMain = false, isOn = false, children } = props;
  return (
    <Typed.Provider value={{ form: given }}>
      <form class={props.class ?? 'panel fields'} action={action}>
        {children}
        <div class="acts">
          <button type="submit" class={isMain ? 'primary' : undefined}>
            {submit}
          </button>
          {isOn && <Go href={action} name="Show all" tone="quiet" />}
        </div>
      </form>
    </Typed.Provider>
  );
}

/** The button that sends a form; and the way back, where the page is about nothing else. */
export function Submit(props: { name: string; back?: string; tone?: string; isMild?: boolean | undefined }) {
  const { name, back, tone = 'primary', isMild = false } = props;
  return (
    <div class="acts">
      <button type="submit" class={isMild ? undefined : tone}>
        {name}
      </button>
      {back !== undefined && <Go href={back} name="Not now" tone="quiet" />}
    </div>
  );
}

/** One button that does one thing. */
export function Act({ action, name, tone }: { action: string; name: string; tone?: 'primary' | 'danger' | 'quiet' }) {
  return (
    <Form action={action}>
      <button type="submit" class={tone}>
        {name}
      </button>
    </Form>
  );
}

/** Whether the form at this address was refused. */
function isRefusedAt({ refused }: Visit, action: string): boolean {
  return refused?.path === action;
}

/**
 * Answers what a page asks for. A form that comes twice, by a double click or since its answer was loaded again, is done once: the
 * second time leads where the first one did, or says that its secret is not shown again. What was refused may be put right and sent again.
 */
export async function answerOnce(
  idempotency: Idempotency,
  visit: Visit,
  work: () => Promise<Shown | string>,
): Promise<Shown | string> {
  const key = visit.form.get('formKey');
  if (key === null) return work();
  let answered: Shown | string = visit.home;
  const request = { callerId: visit.formToken, key: `${key} ${visit.path} ${visit.form}`, fingerprint: '' };
  try {
    const earlier = await idempotency.once(request, async () => {
      answered = await work();
      return typeof answered === 'string' ? { status: 303, body: answered } : { status: 200, body: '' };
    });
    if (!earlier) return answered;
    return earlier.replayed.body === '' ? sentBefore(visit, DONE) : earlier.replayed.body;
  } catch (error) {
    if (!isAppError(error, 'idempotency_in_progress')) throw error;
    return sentBefore(visit, UNFINISHED);
  }
}

const DONE = "We processed it once. If it showed a secret that you didn't save, revoke that one and create another.";
/** The first one may have been interrupted, so nobody must read that it was done. */
const UNFINISHED =
  "We haven't finished processing it. Wait a minute, go back, and reload the page to see whether it took effect. If it didn't, submit it again.";

function sentBefore({ home }: Visit, text: string): Shown {
  return messagePage({ title: 'You already submitted this form.', text }, { status: 409, home });
}
