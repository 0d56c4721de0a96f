/** What a person reads where a page can't be shown, or a form was refused: what happened, why, and what to do. */

import { type AppError, ERRORS } from '../errors.ts';
import { labelOf } from './fields.tsx';
import { Go } from './parts.tsx';

import type { FieldProblem, Shown } from './visit.tsx';

export interface PageMessage {
  title: string;
  text: string;
  /** What somebody must do elsewhere. */
  todo?: string;
}

/** `home` and `back`: the ways on, where there are any. */
export function MessageParts(props: PageMessage & { home?: string | undefined; back?: string | undefined }) {
  const { title, text, todo, home, back } = props;
  const onward = back ?? home;
  return (
    <>
      <h1>{title}</h1>
      <p class="soft">{text}</p>
      {todo !== undefined && (
        <section class="panel">
          <h2>What to do</h2>
          <p>{todo}</p>
        </section>
      )}
      {onward !== undefined && (
        <div class="acts">
          <Go href={onward} name={back === undefined ? 'Home' : 'Back'} />
        </div>
      )}
    </>
  );
}

/** A message as a page. */
export function messagePage(
  message: PageMessage,
  more: Partial<Shown> & { home?: string; back?: string | undefined } = {},
) {
  const { home, back, ...shown } = more;
  return {
    title: message.title.replace(/\.$/, ''),
    ...shown,
    children: <MessageParts {...message} home={home} back={back} />,
  } satisfies Shown;
}

/** An error in the words of a page. */
export function messageOf(error: AppError, requestId: string): PageMessage {
  if (error.status >= 500) {
    return {
      title: 'Something went wrong on our end.',
      text: `No confirmed change was lost. Try again in a moment. Request ID: ${requestId}`,
    };
  }
  // Its words for the API name a parameter of the API.
  if (error.code === 'still_in_use') return { title: 'The credential was used a moment ago.', text: STILL_IN_USE };
  return { title: ERRORS[error.code].title, text: textOf(error) };
}

function textOf({ code, facts: { detail } }: AppError): string {
  return detail ?? REMEDIES[code] ?? 'Nothing was changed.';
}

/** The field that an error is about, and what is wrong with it; undefined where it is about none. */
export function fieldProblemOf(error: AppError): FieldProblem | undefined {
  const { errors } = error.facts;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const path = typeof first === 'object' && first !== null && 'path' in first ? String(first.path) : undefined;
  const name = path ?? FIELDS_OF_ERRORS[error.code];
  if (name === undefined) return undefined;
  // The API calls a field by its name, a page by its label.
  const text = textOf(error);
  return { name, text: text.startsWith(name) ? `${labelOf(name)}${text.slice(name.length)}` : text };
}

const STILL_IN_USE = 'Nothing was changed. Check when it was last used, then choose again.';

const FIELDS_OF_ERRORS: Partial<Record<AppError['code'], string>> = {
  endpoint_key_taken: 'endpointKey',
  external_id_taken: 'externalId',
  email_taken: 'email',
  credential_exists: 'value',
  invalid_token_format: 'value',
};

const REMEDIES: Partial<Record<AppError['code'], string>> = {
  credentials_active: 'Revoke them first, or check the box to change the URL anyway.',
  slots_full: "This directory already has two tokens or connections. Revoke the one you don't need, or rotate.",
  credential_final: 'Generate a new token, or connect again.',
  credential_exists: 'This token was already imported.',
  not_replaced: 'The new one has not been accepted yet, or is not active. Wait until it is used, or revoke this one.',
  endpoint_key_taken: 'Another directory has this endpoint key. Choose another one.',
  external_id_taken: 'Another organization has this external ID.',
  email_taken: 'Choose another email address.',
  last_owner: 'Make another member an owner first.',
  last_owner_key: 'Create another owner key first.',
  last_secret: 'Add another secret and paste it into the identity provider first.',
  secrets_full: 'Remove the secret that the identity provider no longer uses.',
};
