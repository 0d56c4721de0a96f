/** A token of another system becomes a credential as it is. For operators alone: whoever may try values learns which ones are in use. */

import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { CredentialFields, credentialInputOf } from './credential-fields.tsx';
import { Field, required } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Head } from './heads.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import type { Route, Visit } from './visit.tsx';

const LONGEST = 4096;

export function importRoutes(deps: SeenDependencies): Route[] {
  const { credentials } = deps;
  const seen = createSeen(deps);

  async function importing(visit: Visit) {
    const directory = await seen.directory(visit);
    await credentials.assertFreeSlot(directory.id);
    return {
      title: 'Import a token',
      place: 'organizations',
      children: (
        <>
          <Head
            trail={[...(visit.trail ?? []), [`${visit.home}/directories/${directory.id}`, directory.name]]}
            title="Import a token"
          />
          <Form visit={visit} class="panel">
            <p class="soft">
              The token that {IDENTITY_PROVIDERS[directory.provider].name} sends today goes on working, and nobody there
              has to change anything. Its digest is kept, the value is not.
            </p>
            <Field
              name="value"
              isRequired
              maximum={LONGEST}
              isSecret
              hint="As it stands in the identity provider, without the word Bearer."
            />
            <CredentialFields />
            <Submit name="Import" back={`${visit.home}/directories/${directory.id}`} />
          </Form>
        </>
      ),
    };
  }

  return [
    {
      path: '/directories/:id/import',
      action: 'credentials.import',
      get: importing,
      async post(visit) {
        const { id } = await seen.directory(visit);
        const token = required(visit.form, 'value', LONGEST);
        await credentials.import(id, { ...credentialInputOf(visit.form), token }, visit.cause);
        return `${visit.home}/directories/${id}`;
      },
    },
  ];
}
