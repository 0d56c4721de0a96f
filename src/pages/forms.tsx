/** Forms that change something: only from our own pages, only with the token of the session, and each done once however often it is sent. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type ComponentChildren, createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { ENDPOINT_KEY } from '../directories/index.ts';
import { AppError, isAppError } from '../errors.ts';
import type { Idempotency } from '../idempotency.ts';
import { choiceNameOf, IDENTITY_PROVIDER_IDS, type IdentityProviderId } from '../identity-providers/index.ts';
import { renderPart } from './page.tsx';
import { MessagePage, messageOf, type Shown, type Visit } from './visit.tsx';

const DAY_MS = 86_400_000;

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

/** What was typed into a form that was refused, for its fields. */
const Typed = createContext<URLSearchParams | undefined>(undefined);

/** A form that changes something; the token keeps other sites from sending it, the key keeps it from being done twice. */
export function Form(props: {
  visit: Visit;
  action?: string;
  class?: string;
  /** What its fields show: see `touched`. */
  shown?: Readonly<Record<string, string | undefined>>;
  children: ComponentChildren;
}) {
  const { visit, action, shown = {}, children } = props;
  const { refused } = visit;
  const isRefused = refused?.path === (action ?? visit.path);
  if (refused && isRefused) refused.isShown = true;
  return (
    <Typed.Provider value={isRefused ? refused?.form : undefined}>
      <form method="post" action={action} class={props.class}>
        {refused && isRefused && (
          <div class="note bad" role="alert">
            <div>
              <strong>{refused.title}</strong> {refused.text}
            </div>
          </div>
        )}
        <input type="hidden" name="token" value={visit.formToken} />
        <input type="hidden" name="formKey" value={visit.formKey} />
        {Object.entries(shown).map(([name, value = '']) => (
          <input type="hidden" name={`shown_${name}`} value={value} />
        ))}
        {children}
      </form>
    </Typed.Provider>
  );
}

/** The button that sends a form, and the way back. */
export function Submit({ name, back, tone = 'primary' }: { name: string; back: string; tone?: string }) {
  return (
    <div class="acts">
      <button type="submit" class={tone}>
        {name}
      </button>
      <a class="btn quiet" href={back}>
        Not now
      </a>
    </div>
  );
}

/** One button that does one thing. */
export function Act(props: { visit: Visit; action: string; name: string; tone?: 'primary' | 'danger' | 'quiet' }) {
  return (
    <Form visit={props.visit} action={props.action}>
      <button type="submit" class={props.tone}>
        {props.name}
      </button>
    </Form>
  );
}

export function Field(props: {
  label: string;
  name: string;
  value?: string | undefined;
  hint?: string;
  type?: 'text' | 'url' | 'date';
  isRequired?: boolean;
  maximum?: number;
  /** Never shown again. */
  isSecret?: boolean;
}) {
  const { label, name, hint, type = 'text', isRequired = false, maximum = 200, isSecret = false } = props;
  const typed = useContext(Typed)?.get(name);
  const value = isSecret ? undefined : (typed ?? props.value);
  return (
    <label class="line">
      <span>{label}</span>
      <input
        {...({ type } as { type: 'text' })}
        name={name}
        value={value ?? ''}
        required={isRequired}
        maxlength={maximum}
        autocomplete="off"
      />
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

export function Choice(props: {
  label: string;
  name: string;
  options: readonly [value: string, name: string][];
  value?: string;
  hint?: string;
}) {
  const { label, name, options, hint } = props;
  const value = useContext(Typed)?.get(name) ?? props.value;
  return (
    <label class="line">
      <span>{label}</span>
      <select name={name}>
        {options.map(([option, told]) => (
          <option value={option} selected={option === value}>
            {told}
          </option>
        ))}
      </select>
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

export function ProviderChoice({ value }: { value?: IdentityProviderId | undefined }) {
  return (
    <Choice
      label="Identity provider"
      name="provider"
      {...(value && { value })}
      options={IDENTITY_PROVIDER_IDS.map((id) => [id, choiceNameOf(id)])}
    />
  );
}

/** Whether the form at this address was refused: then what hides it must be open. */
export function isRefusedAt({ refused }: Visit, action: string): boolean {
  return refused?.path === action;
}

/**
 * The page that a refused form stands on, with what was typed and why it was refused: the page of the same address, or the one that it was
 * sent from. Undefined when it stands on neither. `findPage`: the page at a path of this face.
 */
export async function formAgain(
  visit: Visit,
  error: AppError,
  from: URL | undefined,
  findPage: (
    path: string,
  ) => { params: Record<string, string>; handle: (visit: Visit) => Promise<Shown | string> } | undefined,
): Promise<Shown | undefined> {
  const refused = {
    path: visit.path,
    form: visit.form,
    ...messageOf(error, visit.cause.requestId ?? ''),
    isShown: false,
  };
  const places = [{ path: visit.path, query: '' }, ...(from ? [{ path: from.pathname, query: from.search }] : [])];
  for (const { path, query } of places) {
    const page = findPage(path);
    if (!page) continue;
    const asked = {
      ...visit,
      path,
      params: page.params,
      query: new URLSearchParams(query),
      form: new URLSearchParams(),
      refused,
    };
    const shown = await page.handle(asked).catch(() => undefined);
    if (shown === undefined || typeof shown === 'string') continue;
    // Whether the form stands there shows only when the page is made.
    renderPart(<main>{shown.children}</main>);
    if (refused.isShown) return { ...shown, status: error.status };
  }
  return undefined;
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
    return earlier.replayed.body === '' ? sentBefore(visit) : earlier.replayed.body;
  } catch (error) {
    if (!isAppError(error, 'idempotency_in_progress')) throw error;
    return sentBefore(visit);
  }
}

function sentBefore({ home }: Visit): Shown {
  const title = 'This form was sent before.';
  const text =
    'It was done once. A value that came with it is not shown again: if it was not stored, revoke it and make another one.';
  return { title, status: 409, children: <MessagePage home={home} title={title} text={text} /> };
}

/** Whether a field was changed by who sent the form: what was not must not undo what somebody else changed meanwhile. */
export function touched(form: URLSearchParams, name: string): boolean {
  return form.get(`shown_${name}`) !== (form.get(name) ?? '');
}

/** What a form sent under a name, trimmed; undefined when it is empty. */
export function sent(form: URLSearchParams, name: string, maximum = 200): string | undefined {
  return form.get(name)?.trim().slice(0, maximum).toWellFormed() || undefined;
}

/** As `sent`, for what a form must have. Throws invalid_request. */
export function required(form: URLSearchParams, name: string, maximum = 200): string {
  const value = sent(form, name, maximum);
  if (value === undefined) throw new AppError('invalid_request', { detail: `The field ${name} is empty.` });
  return value;
}

/** The beginning (UTC) of a day that was sent or asked for, such as 2027-01-31; undefined when it is empty. Throws invalid_request. */
export function dayOf(form: URLSearchParams, name: string, label: string): Date | undefined {
  const day = sent(form, name);
  if (day === undefined) return undefined;
  const at = new Date(`${day}T00:00:00Z`);
  // What the calendar does not have is no other day.
  if (/^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day)) return at;
  throw new AppError('invalid_request', {
    detail: `${label}: given ${day.slice(0, 30)}; wanted a day such as 2027-01-31.`,
  });
}

/** The last second (UTC) of a day: an end on that day leaves it whole. Throws invalid_request. */
export function endOfDay(form: URLSearchParams, name: string, label = 'Ends on'): Date | undefined {
  const day = dayOf(form, name, label);
  return day && new Date(day.getTime() + DAY_MS - 1000);
}

/** The endpoint key of a form. Throws invalid_request. */
export function endpointKeyOf(form: URLSearchParams): string | undefined {
  const key = sent(form, 'endpointKey', 100);
  if (key === undefined || ENDPOINT_KEY.test(key)) return key;
  throw new AppError('invalid_request', {
    detail: `Endpoint key: given ${key}; wanted 1 to 64 letters, digits and hyphens, with no hyphen at either end.`,
  });
}
