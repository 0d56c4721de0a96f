/** A token of another system becomes a credential as it is. For operators only: a person who can try values learns which ones are in use. */

import { AppError, isAppError } from '../errors.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { CredentialFields, credentialInputOf } from './credential-fields.tsx';
import { Field, required, Tick } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { addressOf, type Route, trailTo, type Visit } from './visit.tsx';

const LONGEST = 4096;
const ANYWAY = 'credentials.import-weak';

export function importRoutes(deps: SeenDependencies): Route[] {
  const { credentials } = deps;
  const seen = createSeen(deps);

  async function importing(visit: Visit) {
    const directory = await seen.directory(visit);
    await credentials.assertFreeSlot(directory.id);
    return {
      title: 'Import a token',
      trail: trailTo(visit, directory),
      children: (
        <Form class="panel">
          <p class="soft">
            The token that {IDENTITY_PROVIDERS[directory.provider].name} is using now will keep working. You don't have
            to change anything there. We store only a digest of it.
          </p>
          <Field
            name="value"
            isRequired
            maximum={LONGEST}
            isSecret
            hint="Copy it from the identity provider, without the word Bearer."
          />
          <CredentialFields />
          {visit.refused?.code === 'weak_value' && visit.may(ANYWAY) && (
            <Tick
              name="allowWeak"
              label="Import it even though it can be guessed"
              hint="We then key its digest with the secret of this server, so a copy of the database isn't enough to guess it. If that secret is lost, the token stops working. Replace it soon."
            />
          )}
          <Submit name="Import" back={addressOf(visit, directory)} />
        </Form>
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
        const allowWeak = visit.form.has('allowWeak');
        if (allowWeak && !visit.may(ANYWAY)) throw new AppError('forbidden', { detail: ASK_AN_OWNER });
        const input = { ...credentialInputOf(visit.form), token, allowWeak };
        await credentials.import(id, input, visit.attribution).catch((error: unknown) => {
          throw isAppError(error, 'weak_value') ? inWordsOfPage(error, visit.may(ANYWAY)) : error;
        });
        return addressOf(visit, { id });
      },
    },
  ];
}

const ASK_AN_OWNER = 'Only an owner can import a token that can be guessed. Ask an owner, or generate a new token.';

function inWordsOfPage(error: AppError, mayAnyway: boolean): AppError {
  const { estimatedBits, wantedBits } = error.facts;
  const onward = mayAnyway ? 'Generate a new one, or check the box below and paste it again.' : ASK_AN_OWNER;
  const detail = `This token can be guessed: about ${estimatedBits} bits by our estimate, and ${wantedBits} are needed. ${onward}`;
  return new AppError('weak_value', { detail, errors: [{ path: 'value', problem: detail }] }, { cause: error });
}
