/** The fields of forms: each keeps what was typed when its form was refused, and says itself what is wrong with it. */
import { type ComponentChildren, createContext, type FunctionComponent } from 'preact';
import { useContext } from 'preact/hooks';
import { DAY_MS } from '../clock.ts';
import { ENDPOINT_KEY } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { choiceNameOf, IDENTITY_PROVIDER_IDS, type IdentityProviderId } from '../identity-providers/index.ts';
import type { FieldProblem } from './visit.tsx';

/** What fields are called wherever they stand. */
const LABELS = {
  appName: 'App name in Okta',
  contact: 'For',
  decision: 'Decision',
  description: 'Description',
  events: 'Events',
  kind: 'Kind',
  email: 'Email',
  audience: 'Audience',
  endpointKey: 'Endpoint key',
  expiresOn: 'Expires on',
  externalId: 'External ID',
  label: 'Label',
  goal: 'Goal',
  message: 'Message',
  name: 'Name',
  organizationId: 'Organization ID',
  provider: 'Identity provider',
  reason: 'Reason',
  redirectUris: 'Redirect URIs, one per line',
  role: 'Role',
  scope: 'Access',
  upstreamCredential: 'Credential for the SCIM server',
  upstreamHeaderName: 'Header name',
  upstreamHeaderValue: 'Header value',
  upstreamOrigins: 'Allowed SCIM servers, one origin per line',
  url: 'URL',
  upstreamUrl: 'SCIM server behind the gateway',
  value: 'Token',
} as const;

export type FieldName = keyof typeof LABELS;

export function labelOf(name: string): string {
  return Object.hasOwn(LABELS, name) ? LABELS[name as FieldName] : name;
}

/** What was typed into a form before: of one that was refused, with the field that is wrong, or what limits a list. */
export const Typed = createContext<{
  form?: URLSearchParams;
  field?: FieldProblem;
  /** What is shown until something is typed. */
  values?: Readonly<Record<string, string | undefined>> | undefined;
}>({});

interface Asked {
  name: FieldName | (string & {});
  /** Where it is called otherwise here. */
  label?: string;
  value?: string | undefined;
  hint?: string | undefined;
}

/** One line of a form: what it is called, its control, what is wrong with it, and what helps. */
function Line({
  asked: { name, label = labelOf(name), value, hint },
  look = 'line',
  control: Control,
}: {
  asked: Asked;
  look?: string | undefined;
  control: FunctionComponent<{ value: string | undefined; isWrong: true | undefined }>;
}) {
  const { form, field, values } = useContext(Typed);
  const problem = field?.name === name ? field.text : undefined;
  return (
    <label class={look}>
      <span>{label}</span>
      <Control value={form?.get(name) ?? value ?? values?.[name]} isWrong={problem === undefined ? undefined : true} />
      {problem !== undefined && (
        <small class="bad">
          <b>{problem}</b>
        </small>
      )}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

export function Field(
  props: Asked & {
    type?: 'text' | 'url' | 'date' | 'password' | 'email';
    isRequired?: boolean;
    minimum?: number;
    maximum?: number;
    /** Never shown again. */
    isSecret?: boolean;
    /** What the browser may fill in. */
    autocomplete?: string;
    look?: 'mono' | 'code';
  },
) {
  const { type = 'text', isRequired = false, minimum, maximum = 200, isSecret, autocomplete = 'off', look } = props;
  return (
    <Line
      asked={props}
      look={look === 'code' ? 'line short' : undefined}
      control={({ value, isWrong }) => (
        <input
          {...({ type, autocomplete } as { type: 'text'; autocomplete: 'off' })}
          name={props.name}
          value={isSecret ? '' : (value ?? '')}
          required={isRequired}
          minlength={minimum}
          maxlength={maximum}
          inputmode={look === 'code' ? 'numeric' : undefined}
          class={look === 'mono' ? look : undefined}
          aria-invalid={isWrong}
        />
      )}
    />
  );
}

/** The code that an authenticator app shows. */
export function CodeField({ label }: { label: string }) {
  return <Field label={label} name="code" isRequired isSecret maximum={10} autocomplete="one-time-code" look="code" />;
}

/** Text of several lines. */
export function Lines(props: Asked & { name: FieldName; rows: number }) {
  return (
    <Line
      asked={props}
      control={({ value, isWrong }) => (
        <textarea name={props.name} rows={props.rows} class="mono" aria-invalid={isWrong}>
          {value}
        </textarea>
      )}
    />
  );
}

/** One thing to choose, or to tick: a name in bold, and what it means. */
export function Pick(props: {
  type?: 'radio' | 'checkbox';
  name: string;
  value: string;
  isOn?: boolean;
  isRequired?: boolean;
  label: string;
  hint?: ComponentChildren;
}) {
  const { type = 'radio', name, value, isOn = false, isRequired, label, hint } = props;
  return (
    <label class="choice">
      <input type={type} name={name} value={value} checked={isOn} required={isRequired} />
      <span>
        <b>{label}</b>
        {hint !== undefined && (
          <>
            {' '}
            <small>{hint}</small>
          </>
        )}
      </span>
    </label>
  );
}

/** Sends `yes` when it is ticked, and nothing otherwise. */
export function Tick(props: { name: string; isOn?: boolean; label: string; hint: string }) {
  const { form } = useContext(Typed);
  const isOn = form ? form.has(props.name) : props.isOn === true;
  return <Pick type="checkbox" value="yes" {...props} isOn={isOn} />;
}

type Option = readonly [value: string, name: string];

function Options({ options, value }: { options: readonly Option[]; value: string | undefined }) {
  return (
    <>
      {options.map(([option, name]) => (
        <option value={option} selected={option === value}>
          {name}
        </option>
      ))}
    </>
  );
}

export function Choice(
  props: Asked & {
    /** What stands for no choice, and is sent as nothing. */
    any?: string | undefined;
    options?: readonly Option[];
    /** More of them, each group under its name. */
    groups?: readonly { name: string; options: readonly Option[] }[];
  },
) {
  const { name, any, options = [], groups = [] } = props;
  return (
    <Line
      asked={props}
      control={({ value, isWrong }) => (
        <select name={name} aria-invalid={isWrong}>
          {any !== undefined && <Options options={[['', any]]} value={value ?? ''} />}
          <Options options={options} value={value} />
          {groups.map((group) => (
            <optgroup label={group.name}>
              <Options options={group.options} value={value} />
            </optgroup>
          ))}
        </select>
      )}
    />
  );
}

/** `any`: what stands for all of them, where one need not be chosen. */
export function ProviderChoice({ value, any }: { value?: IdentityProviderId | undefined; any?: string }) {
  const options = IDENTITY_PROVIDER_IDS.map((id) => [id, choiceNameOf(id)] as const);
  return <Choice name="provider" value={value} any={any} options={options} />;
}

/** Which one was chosen; undefined for none, and for one that we don't know. */
export function providerIn(form: URLSearchParams): IdentityProviderId | undefined {
  return IDENTITY_PROVIDER_IDS.find((known) => known === form.get('provider'));
}

/** What a form sent under a name, trimmed; undefined when it is empty. */
export function sent(form: URLSearchParams, name: string, maximum = 200): string | undefined {
  return form.get(name)?.trim().slice(0, maximum).toWellFormed() || undefined;
}

/** As `sent`, for what a form must have. Throws invalid_request. */
export function required(form: URLSearchParams, name: FieldName, maximum = 200): string {
  const value = sent(form, name, maximum);
  if (value === undefined) throw invalidField(name, `${labelOf(name)} is empty.`);
  return value;
}

/** What a form chose of a list. Throws invalid_request for anything else. */
export function chosen<T extends string>(form: URLSearchParams, name: FieldName, known: readonly T[]): T {
  return oneOf(known, required(form, name), name);
}

/** What was given, as one of a list. Throws invalid_request for anything else. */
export function oneOf<T extends string>(known: readonly T[], given: string, name: string, label = labelOf(name)): T {
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  throw invalidField(name, `${label} must be one of ${known.join(', ')}. You entered ${given.slice(0, 40)}.`);
}

/** The beginning (UTC) of a day that was sent or asked for, such as 2027-01-31; undefined when it is empty. Throws invalid_request. */
export function dayOf(form: URLSearchParams, name: string, label = labelOf(name)): Date | undefined {
  const day = sent(form, name);
  if (day === undefined) return undefined;
  const at = new Date(`${day}T00:00:00Z`);
  // What the calendar does not have is no other day.
  if (/^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day)) return at;
  throw invalidField(name, `${label} must be a date such as 2027-01-31. You entered ${day.slice(0, 30)}.`);
}

/** The last second (UTC) of a day: an end on that day leaves it whole. Throws invalid_request. */
export function endOfDay(form: URLSearchParams, name: string): Date | undefined {
  const day = dayOf(form, name);
  return day && new Date(day.getTime() + DAY_MS - 1000);
}

/** The endpoint key of a form. Throws invalid_request. */
export function endpointKeyOf(form: URLSearchParams): string | undefined {
  const key = sent(form, 'endpointKey', 100);
  if (key === undefined || ENDPOINT_KEY.test(key)) return key;
  throw invalidField(
    'endpointKey',
    `Endpoint key must be 1 to 64 letters, digits and hyphens, with no hyphen at either end. You entered ${key}.`,
  );
}

/** Whether a field was changed by who sent the form: what was not must not undo what somebody else changed meanwhile. */
export function touched(form: URLSearchParams, name: string): boolean {
  return form.get(`shown_${name}`) !== (form.get(name) ?? '');
}

/** What a form changes, each field by its reader. */
export function changesIn<T extends object>(
  form: URLSearchParams,
  fields: { [K in keyof T]: (form: URLSearchParams, name: FieldName) => T[K] },
): Partial<T> {
  const names = Object.keys(fields) as (keyof T & FieldName)[];
  return Object.fromEntries(
    names.filter((name) => touched(form, name)).map((name) => [name, fields[name](form, name)]),
  ) as Partial<T>;
}

/** As `sent`, for what is taken away where it is empty. */
export function sentOrNone(form: URLSearchParams, name: FieldName): string | null {
  return sent(form, name, 2000) ?? null;
}

export function invalidField(name: string, text: string): AppError {
  return new AppError('invalid_request', { detail: text, errors: [{ path: name, problem: text }] });
}
