/** One request to a page for people: who, what was sent, and what the page is made of; the same for operators and IT contacts. */
import type { ComponentChildren, VNode } from 'preact';
import type { Actor, Cause } from '../audit/index.ts';
import { ENDPOINT_KEY } from '../directories/index.ts';
import { AppError, ERRORS } from '../errors.ts';
import { CopyField, Tag } from '../faces/index.ts';
import type { Client } from '../oauth/index.ts';

export interface Visit {
  path: string;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** What a form sent; empty for a page that is only looked at. */
  form: URLSearchParams;
  /** Where the pages of this face begin, such as `/dashboard`. */
  home: string;
  formToken: string;
  cause: Cause;
  now: Date;
  /** Whether this person may change anything. */
  mayChange: boolean;
  /** Throws not_found for what belongs to an organization that this person does not see. */
  assertSees: (organizationId: string) => void;
  /** How whoever did something is called to this person, and from where it came as far as that is theirs to know. */
  nameOf: (actor: Actor, address?: string) => string;
  /** Where the whole audit can be read, when it can. */
  auditPath?: string;
}

/** Gives the page, or an address of the same face to go on to. */
export type Handler<V extends Visit = Visit> = (visit: V) => Promise<Shown | string>;

export interface Shown {
  title: string;
  /** The place in the navigation that it belongs to. */
  place?: string;
  status?: number;
  /** For the few fields of a sign-in. */
  isNarrow?: boolean;
  children: ComponentChildren;
  /** Just this part, for the script to put into the page. */
  part?: VNode;
  /** A file in place of a page. */
  download?: { name: string; type: string; body: string };
}

/** A page that both faces have, below the home of each. */
export interface GuidedRoute {
  method: 'get' | 'post';
  path: string;
  handle: Handler;
}

/** What happened and what to do, where a page can't be shown. */
export function MessagePage(props: { title: string; text: string; home: string; back?: string | undefined }) {
  const { title, text, home, back } = props;
  return (
    <>
      <h1>{title}</h1>
      <p class="soft">{text}</p>
      <div class="acts">
        <a class="btn" href={back ?? home}>
          {back === undefined ? 'To the start' : 'Back'}
        </a>
      </div>
    </>
  );
}

/** An error in the words of a page. */
export function messageOf(error: AppError, requestId: string): { title: string; text: string } {
  if (error.status >= 500) {
    return {
      title: 'That did not work, and it is our fault.',
      text: `Nothing acknowledged is lost. Try again in a moment. Request id: ${requestId}`,
    };
  }
  const detail = error.facts['detail'];
  return {
    title: ERRORS[error.code].title,
    text: typeof detail === 'string' ? detail : (REMEDIES[error.code] ?? 'Nothing was changed.'),
  };
}

const REMEDIES: Partial<Record<AppError['code'], string>> = {
  slots_full: 'Both slots of this directory are held. Revoke the credential that is not used any more, or rotate.',
  credential_final: 'It is revoked or expired, and that is final. Generate a new one.',
  credential_exists: 'This value is kept already. Each value is imported once.',
  not_replaced:
    'Its successor was not accepted yet, or is not active. Wait until the new one is used; or revoke this one.',
  endpoint_key_taken: 'Another directory has this endpoint key. Choose another one.',
  external_id_taken: 'Another organization has this external id.',
  email_taken: 'Choose another address.',
  last_owner: 'Make another operator an owner first.',
  last_owner_key: 'It is the only usable owner key. Make another owner key first.',
  last_secret: 'It is the only secret of this client. Add another one first, and put it into the identity provider.',
  secrets_full: 'This client has two secrets. Take away the one that the identity provider no longer uses.',
};

/** A form that changes something; the token keeps other sites from sending it. */
export function Form(props: { visit: Visit; action?: string; class?: string; children: ComponentChildren }) {
  const { visit, action, children } = props;
  return (
    <form method="post" action={action} class={props.class}>
      <input type="hidden" name="token" value={visit.formToken} />
      {children}
    </form>
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

export function Crumbs({ trail }: { trail: readonly [path: string, name: string][] }) {
  return (
    <nav class="crumbs" aria-label="Where this is">
      {trail.map(([path, name]) => (
        <>
          <a href={path}>{name}</a>
          <span aria-hidden="true">/</span>
        </>
      ))}
    </nav>
  );
}

export function Head({
  trail = [],
  title,
  children,
}: {
  trail?: readonly [string, string][];
  title: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="head">
      <div>
        {trail.length > 0 && <Crumbs trail={trail} />}
        <h1>{title}</h1>
      </div>
      {children !== undefined && <div class="acts">{children}</div>}
    </div>
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
}) {
  const { label, name, value, hint, type = 'text', isRequired = false, maximum = 200 } = props;
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
  const { label, name, options, value, hint } = props;
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

/** Before something is ended: what breaks by it, then the button that does it, and the way back. */
export function Confirm(props: {
  visit: Visit;
  trail: readonly [string, string][];
  title: string;
  /** The verb, with what it ends where that is not plain. */
  name: string;
  back: string;
  children: ComponentChildren;
}) {
  const { visit, trail, title, name, back, children } = props;
  return (
    <>
      <Head trail={trail} title={title} />
      <section class="panel refusal">
        {children}
        <Form visit={visit} class="acts">
          <button type="submit" class="danger primary">
            {name}
          </button>
          <a class="btn quiet" href={back}>
            Keep it
          </a>
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
  const other = client.secrets.find(({ id }) => id !== secretId);
  if (!secret) throw new AppError('not_found', { detail: `This client has no secret ${secretId.slice(0, 40)}.` });
  return (
    <Confirm visit={visit} trail={trail} title={`Take away the secret …${secret.hint}`} name="Take away" back={back}>
      <p>
        <b>
          Whoever sends the secret that ends in <span class="mono whole">…{secret.hint}</span> is refused from this
          moment.
        </b>{' '}
        {other ? (
          <>
            The one that ends in <span class="mono whole">…{other.hint}</span> goes on working: look in the identity
            provider whether that is the one it has.
          </>
        ) : (
          'It is the only one.'
        )}
      </p>
    </Confirm>
  );
}

/** The way to the next page of a list. */
export function More({ visit, cursor }: { visit: Visit; cursor: string | null }) {
  if (cursor === null) return null;
  const query = new URLSearchParams(visit.query);
  query.set('after', cursor);
  return (
    <div class="acts">
      <a class="btn" href={`?${query}`}>
        Older
      </a>
    </div>
  );
}

/** What a form sent under a name, trimmed; undefined when it is empty. */
export function sent(form: URLSearchParams, name: string, maximum = 200): string | undefined {
  return form.get(name)?.trim().slice(0, maximum) || undefined;
}

/** As `sent`, for what a form must have. Throws invalid_request. */
export function required(form: URLSearchParams, name: string, maximum = 200): string {
  const value = sent(form, name, maximum);
  if (value === undefined) throw new AppError('invalid_request', { detail: `The field ${name} is empty.` });
  return value;
}

/** The endpoint key of a form. Throws invalid_request. */
export function endpointKeyOf(form: URLSearchParams): string | undefined {
  const key = sent(form, 'endpointKey', 100);
  if (key === undefined || ENDPOINT_KEY.test(key)) return key;
  throw new AppError('invalid_request', {
    detail: `Endpoint key: given ${key}; wanted 1 to 64 letters, digits and hyphens, with no hyphen at either end.`,
  });
}

/** A secret, in the one moment in which it is there. */
export function CopyOnce(props: { title: string; label: string; value: string; children: ComponentChildren }) {
  return (
    <section class="panel reveal">
      <div class="head">
        <h2>{props.title}</h2>
        <Tag tone="warn">shown once</Tag>
      </div>
      <CopyField label={props.label} value={props.value} isPrimary />
      <small>{props.children}</small>
    </section>
  );
}
