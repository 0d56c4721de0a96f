/** The fields of forms: each keeps what was typed when its form was refused, and says itself what is wrong with it. */
import { createContext } from 'preact';
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

/** The form that was refused: what was typed, and which field is wrong. */
export const Refused = createContext<{ form: URLSearchParams; field?: FieldProblem } | undefined>(undefined);

/** What was typed into a field of a refused form, and what is wrong with it. */
function useField(name: string) {
  const refused = useContext(Refused);
  const problem = refused?.field?.name === name ? refused.field.text : undefined;
  return { typed: refused?.form.get(name) ?? undefined, problem };
}

/** What is wrong with a field, for the element that describes it. */
function Problem({ text }: { text: string | undefined }) {
  return text === undefined ? null : (
    <small class="bad">
      <b>{text}</b>
    </small>
  );
}

export function Field(props: {
  name: FieldName | (string & {});
  /** Where it is called otherwise here. */
  label?: string;
  value?: string | undefined;
  hint?: string;
  type?: 'text' | 'url' | 'date' | 'password';
  isRequired?: boolean;
  maximum?: number;
  /** Never shown again. */
  isSecret?: boolean;
}) {
  const { name, label = labelOf(name), hint, type = 'text', isRequired = false, maximum = 200 } = props;
  const { typed, problem } = useField(name);
  const value = props.isSecret ? undefined : (typed ?? props.value);
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
        aria-invalid={problem === undefined ? undefined : true}
      />
      <Problem text={problem} />
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

/** Text of several lines. */
export function Lines(props: { name: FieldName; value: string; rows: number; hint?: string }) {
  const { name, value, rows, hint } = props;
  const { typed, problem } = useField(name);
  return (
    <label class="line">
      <span>{labelOf(name)}</span>
      <textarea name={name} rows={rows} class="mono" aria-invalid={problem === undefined ? undefined : true}>
        {typed ?? value}
      </textarea>
      <Problem text={problem} />
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

/** Sends `yes` when it is ticked, and nothing otherwise. */
export function Tick(props: { name: string; isOn?: boolean; label: string; hint: string }) {
  const { name, isOn = false, label, hint } = props;
  const refused = useContext(Refused);
  return (
    <label class="choice">
      <input type="checkbox" name={name} value="yes" checked={refused ? refused.form.has(name) : isOn} />
      <span>
        <b>{label}</b> <small>{hint}</small>
      </span>
    </label>
  );
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

export function Choice(props: {
  name: FieldName | (string & {});
  label?: string;
  options: readonly Option[];
  /** More of them, each group under its name. */
  groups?: readonly { name: string; options: readonly Option[] }[];
  value?: string | undefined;
  hint?: string;
}) {
  const { name, label = labelOf(name), options, groups = [], hint } = props;
  const { typed, problem } = useField(name);
  const value = typed ?? props.value;
  return (
    <label class="line">
      <span>{label}</span>
      <select name={name} aria-invalid={problem === undefined ? undefined : true}>
        <Options options={options} value={value} />
        {groups.map((group) => (
          <optgroup label={group.name}>
            <Options options={group.options} value={value} />
          </optgroup>
        ))}
      </select>
      <Problem text={problem} />
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

export function ProviderChoice({ value }: { value?: IdentityProviderId | undefined }) {
  return <Choice name="provider" value={value} options={IDENTITY_PROVIDER_IDS.map((id) => [id, choiceNameOf(id)])} />;
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
  const given = required(form, name);
  const found = known.find((one) => one === given);
  if (found === undefined)
    throw invalidField(name, `${labelOf(name)} must be one of ${known.join(', ')}. You entered ${given.slice(0, 40)}.`);
  return found;
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

export function invalidField(name: string, text: string): AppError {
  return new AppError('invalid_request', { detail: text, errors: [{ path: name, problem: text }] });
}
