/** One request to a page for people: who, what was sent, and what the page is made of; the same for operators and IT contacts. */
import type { ComponentChildren, VNode } from 'preact';
import type { Actor, Cause } from '../audit/index.ts';
import { type AppError, ERRORS } from '../errors.ts';
import { CopyField, Tag } from './parts.tsx';

export interface Visit {
  path: string;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** What a form sent; empty for a page that is only looked at. */
  form: URLSearchParams;
  /** Where the pages of this face begin, such as `/dashboard`. */
  home: string;
  formToken: string;
  /** New for each page: forms that bear the same one and say the same are one form. */
  formKey: string;
  cause: Cause;
  now: Date;
  /** The form that was refused and is shown again, with what was typed and why. `isShown` once it stands on a page. */
  refused?: { path: string; form: URLSearchParams; title: string; text: string; isShown: boolean };
  /** Whether this person may change anything. */
  mayChange: boolean;
  /** Throws not_found for what belongs to an organization that this person does not see. */
  assertSees: (organizationId: string) => void;
  /** How whoever did something is called to this person, and from where it came as far as that is theirs to know. */
  nameOf: (actor: Actor, address?: string) => string;
  /** What stands before a directory in the trail of its pages. */
  trail?: readonly [path: string, name: string][];
  /** Where the whole audit can be read, and the clients, when they can. */
  auditPath?: string;
  clientsPath?: string;
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
  download?: { name: string; type: string; body: AsyncIterable<string> };
}

/** `/directories/:id` below a home, as an expression with a group for each name. */
export function patternOf(home: string, path: string): RegExp {
  return new RegExp(`^${home}${path.replace(/:(\w+)/g, '(?<$1>[\\w-]{1,100})')}$`);
}

/** A page that dashboard and portal share, below the home of each. */
export interface GuidedRoute {
  method: 'get' | 'post';
  path: string;
  handle: Handler;
}

/** A page of which one part keeps up by itself while somebody looks: asked for with `?part` it is that part alone. */
export function live(
  visit: Visit,
  page: Omit<Shown, 'children' | 'part'> & { head: VNode; part: VNode; rest?: VNode },
): Shown {
  const { head, part, rest, ...shown } = page;
  const query = new URLSearchParams(visit.query);
  query.set('part', 'live');
  return {
    ...shown,
    ...(visit.query.has('part') && { part }),
    children: (
      <>
        {head}
        <div data-live={`${visit.path}?${query}`} class="detail">
          {part}
        </div>
        {rest}
      </>
    ),
  };
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
  credentials_active: 'Revoke them first; or say in the form that the address is to change all the same.',
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
  secrets_full: 'Remove the secret that the identity provider no longer uses.',
};

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

/** The way to the next page of a list. */
export function More({ visit, cursor }: { visit: Visit; cursor: string | null }) {
  const isFirst = !visit.query.has('after');
  if (cursor === null && isFirst) return null;
  const [newest, older] = [new URLSearchParams(visit.query), new URLSearchParams(visit.query)];
  newest.delete('after');
  if (cursor !== null) older.set('after', cursor);
  return (
    <div class="acts">
      {!isFirst && (
        <a class="btn" href={`?${newest}`}>
          Newest
        </a>
      )}
      {cursor !== null && (
        <a class="btn" href={`?${older}`}>
          Older
        </a>
      )}
    </div>
  );
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
