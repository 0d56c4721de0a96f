/** What is said of a static token that is generated or imported. */
import { SCOPES, type Scope } from '../credentials/index.ts';
import { Choice, endOfDay, Field, sent } from './fields.tsx';

export function CredentialFields() {
  return (
    <>
      <Field name="label" hint="A name to recognize it by, such as Okta production." />
      <Choice
        name="scope"
        options={[
          ['scim', 'read and write'],
          ['scim.read', 'read only'],
        ]}
      />
      <Field
        name="expiresOn"
        type="date"
        hint="Leave it empty if the token should never expire. When a token expires, provisioning stops."
      />
    </>
  );
}

/** What was sent of it. Throws invalid_request. */
export function credentialInputOf(form: URLSearchParams) {
  return {
    label: sent(form, 'label'),
    scopes: [SCOPES.find((scope) => scope === form.get('scope')) ?? 'scim'] satisfies Scope[],
    expiresAt: endOfDay(form, 'expiresOn'),
  };
}
