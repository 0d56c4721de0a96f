/** A token, client secret or client ID that somebody holds in hand: whether it is one of ours, whose, and whether it works. */
import type { Check, Checked, CheckedToken } from '../diagnosis/index.ts';
import { CheckedClient, CheckedClientSecret } from './checked-client.tsx';
import { Field, sent } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Status } from './parts.tsx';
import { Expiry, Last } from './times.tsx';
import { addressOf, type Route, useVisit, type Visit } from './visit.tsx';

const LONGEST_VALUE = 5000;

export function tokenCheckRoutes(check: Check): Route[] {
  function page({ trail }: Visit, checked?: Checked) {
    return {
      title: 'Check a token',
      trail,
      children: (
        <>
          {checked && <Result checked={checked} />}
          <Form class="panel">
            <Field
              name="value"
              label="Token or client secret, or a full Authorization header"
              isRequired
              isSecret
              maximum={LONGEST_VALUE}
              hint="The check doesn't count as a use, and we don't keep the value."
            />
            <Submit name="Check" />
          </Form>
        </>
      ),
    };
  }

  return [
    {
      path: '/check-token',
      action: 'tokens.check',
      get: async (visit) => page(visit),
      async post(visit) {
        const value = sent(visit.form, 'value', LONGEST_VALUE);
        return page(visit, (value && (await check(value, visit.organizationId, visit.attribution))) || undefined);
      },
    },
  ];
}

function Result({ checked }: { checked: Checked }) {
  if (!checked.isKnown) return <Unknown looksLike={checked.looksLike} />;
  if (checked.what === 'client_secret') return <CheckedClientSecret checked={checked} />;
  return checked.what === 'client_id' ? <CheckedClient checked={checked} /> : <Known checked={checked} />;
}

function Unknown({ looksLike }: { looksLike: Looks }) {
  const [kind, length] =
    looksLike === 'client_secret_presented'
      ? ['client secrets', 'A client secret is 50 characters long and begins with scimcs_.']
      : ['tokens', 'A token is 43 characters long and begins with scim_.'];
  return (
    <Status
      tone="bad"
      lead="We don't recognize this value."
      rest={LOOKS[looksLike] ?? "It doesn't look like one of our tokens."}
      detail={
        useVisit().organizationId === undefined ? length : `It isn't one of your organization's ${kind}. ${length}`
      }
    />
  );
}

function Known({ checked }: { checked: CheckedToken }) {
  const { credential, state, what, directoryName, isDirectoryDisabled, issuedAt, expiresAt, lastUsedAt } = checked;
  const visit = useVisit();
  const kind = what === 'access_token' ? 'access token' : 'token';
  const isActive = state === 'active';
  return (
    <Status
      tone={isActive && !isDirectoryDisabled ? 'ok' : 'bad'}
      lead={
        !isActive
          ? `This ${kind} is ${state === 'pending' ? 'not in use yet' : state}.`
          : isDirectoryDisabled
            ? `This ${kind} is valid, but its directory is disabled.`
            : `This ${kind} works.`
      }
      rest={
        <>
          It belongs to{' '}
          <a href={addressOf(visit, { id: credential.directoryId })}>
            <b>{directoryName}</b>
          </a>
          {credential.kind === 'bearer' && `, and ends in …${credential.hint}`}.
        </>
      }
      detail={
        <>
          <Last at={issuedAt} before={what === 'access_token' ? 'Issued' : 'Created'} after=". " />
          {state === 'revoked' && <Last at={credential.revokedAt} before="Revoked" after=". " />}
          <Expiry at={expiresAt} /> <Last at={lastUsedAt} before="Last used" after="." never="Never used." />
        </>
      }
    />
  );
}

type Looks = Extract<Checked, { isKnown: false }>['looksLike'];

/** What a value that is not ours looks like. */
const LOOKS: Partial<Record<Looks, string>> = {
  token_truncated: 'It begins like one of our tokens, but it is too short or too long.',
  token_mistyped: 'It has the length of one of our tokens, but at least one character is wrong.',
  token_doubled: 'It contains two tokens.',
  token_with_blanks: 'It contains spaces or line breaks.',
  token_too_long: 'It is much longer than one of our tokens.',
  scheme_twice: 'It begins with the word Bearer twice.',
  scheme_basic: 'It is a user name and password (Basic), not a token.',
  scheme_unknown: 'It begins with a word other than Bearer.',
  header_name_in_value: 'It includes the name of the header.',
  value_quoted: 'It is in quotation marks.',
  access_token_unknown: 'It looks like an access token, perhaps an old one.',
  client_secret_presented: 'It looks like a client secret.',
  client_id_presented: 'It looks like a client ID.',
  refresh_token_presented: 'It looks like a refresh token.',
  code_presented: 'It looks like an authorization code.',
  api_key_presented: 'It looks like a Latchkey API key.',
  portal_link_presented: 'It looks like a portal or sign-in link.',
  endpoint_url_presented: 'It is a URL.',
  idp_own_token: 'It is a token that the identity provider issued itself.',
  foreign_token: 'It is a token from another authorization server.',
  token_unknown: 'It may be a token from another system, or one that was deleted.',
};
