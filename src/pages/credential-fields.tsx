/** What is said of a static token that is generated or imported. */
import { SCOPES, type Scope } from '../credentials/index.ts';
import { Choice, endOfDay, Field, sent } from './forms.tsx';

export function CredentialFields() {
  return (
    <>
      <Field label="Label" name="label" hint="So that you know it again, such as Okta production." />
      <Choice
        label="May"
        name="scope"
        options={[
          ['scim', 'read and write'],
          ['scim.read', 'read only'],
        ]}
      />
      <Field
        label="Ends on"
        name="expiresOn"
        type="date"
        hint="Empty: no end. A token that ends breaks provisioning on that day."
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
