/** The second factors of one's own account: passkeys, an authenticator app, recovery codes. */
import { AppError } from '../errors.ts';
import { hasSecondFactor, type Operator, type Operators } from '../operators/index.ts';
import {
  Ask,
  CodeField,
  counted,
  Field,
  Form,
  Go,
  Last,
  OnceOnly,
  oncePage,
  QrCode,
  Row,
  required,
  Submit,
  Tag,
  Time,
  type Trail,
} from '../pages/index.ts';
import { CurrentPassword, proofOf, TRAIL } from './account-proof.tsx';
import { PasskeyQuestion, passkeyIn, WithPasskeys } from './passkey-form.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const LONGEST_PASSKEY_NAME = 60;
const mine = `${HOME}/account`;
const TO_ACCOUNT: Trail = [...TRAIL, [mine, 'Your account']];

/** Not a component, since the question for a passkey takes a moment. */
export async function factorSections(props: {
  visit: Visit;
  operator: Operator;
  operators: Operators;
  needsPassword: boolean;
}) {
  const { visit, operator, operators, needsPassword } = props;
  const isAsked = visit.query.has('second-factor');
  const proposed =
    operator.totp === undefined && isAsked
      ? // After a wrong code the key that was scanned stays.
        operators.proposeTotp(operator, visit.refused?.form.get('secret') ?? undefined)
      : undefined;
  const question = operators.hasPasskeys ? await operators.beginPasskey(operator) : undefined;
  return (
    <>
      <section class="panel" id="passkeys">
        <div class="head">
          <h2>Passkeys</h2>
          <Tag>recommended</Tag>
        </div>
        <p class="soft">
          A passkey is stored on your phone, computer or security key. It signs you in without a password, and fake
          pages can't steal it.
        </p>
        <ul class="rows">
          {operator.passkeys?.map(({ id, name, createdAt, lastUsedAt }) => (
            <Row
              name={<b>{name}</b>}
              text={
                <>
                  Added <Time at={new Date(createdAt)} />
                  <Last
                    at={lastUsedAt === undefined ? undefined : new Date(lastUsedAt)}
                    before=", used"
                    never=", not used yet"
                  />
                </>
              }
            >
              <Go href={`${mine}/passkeys/${id}/rename`} name="Rename" />
              <Ask href={`${mine}/passkeys/${id}/remove`} name="Remove" />
            </Row>
          ))}
        </ul>
        {question ? (
          <>
            <WithPasskeys>
              <Form action={`${mine}/passkeys`} class="fields">
                <PasskeyName />
                {needsPassword && <CurrentPassword isRequired />}
                <Submit name="Add a passkey" isMild />
                <PasskeyQuestion does="create" question={question} />
              </Form>
            </WithPasskeys>
            <p class="soft" data-without-script>
              Adding a passkey requires JavaScript.
            </p>
          </>
        ) : (
          <p class="soft">Passkeys require a LATCHKEY_PUBLIC_URL with https and a host name.</p>
        )}
      </section>
      <section class="panel" id="second-factor">
        <h2>Authenticator app</h2>
        {operator.totp !== undefined ? (
          <>
            <p class="soft">You enter its code after your password or a sign-in link.</p>
            <div class="acts">
              <Ask href={`${mine}/second-factor/remove`} name="Remove" />
            </div>
          </>
        ) : proposed ? (
          <Form action={`${mine}/second-factor`} class="detail">
            <p class="soft">
              Scan this with an authenticator app, or paste the key into it. Then enter the code it shows.
            </p>
            <QrCode text={proposed.uri} name="The key of the second factor" />
            <div class="field">
              <span class="mono">{proposed.secret.replace(/(.{4})(?=.)/g, '$1 ')}</span>
            </div>
            <p>
              <a href={proposed.uri}>Open in an app on this device</a>
            </p>
            <input type="hidden" name="secret" value={proposed.secret} />
            <CodeField label="Code" />
            {needsPassword && <CurrentPassword isRequired />}
            <Submit name="Add authenticator app" />
          </Form>
        ) : (
          <p class="soft">
            Not set up. <a href={`${mine}?second-factor#second-factor`}>Add an authenticator app</a>
          </p>
        )}
      </section>
      {hasSecondFactor(operator) && (
        <section class="panel" id="recovery-codes">
          <h2>Recovery codes</h2>
          <p class="soft">
            {counted(operator.recoveryCodes?.length ?? 0, 'code')} left. Each one works once if you lose your second
            factor.
          </p>
          <Form action={`${mine}/recovery-codes`} class="fields">
            {needsPassword && <CurrentPassword isRequired />}
            <Submit name="Generate new codes" isMild />
            <small>Your current codes will stop working.</small>
          </Form>
        </section>
      )}
    </>
  );
}

/** The name of a passkey, as its owner calls it. */
function PasskeyName({ value }: { value?: string }) {
  return (
    <Field
      name="name"
      value={value}
      isRequired
      maximum={LONGEST_PASSKEY_NAME}
      hint="For example, the device it is stored on."
    />
  );
}

export function factorRoutes(operators: Operators): Route[] {
  /** The codes, or back to the account where there are none to show. */
  function shown(codes: string[] | undefined) {
    if (codes === undefined) return mine;
    return oncePage(
      { title: 'Your recovery codes', trail: TO_ACCOUNT, done: "I've saved them", back: mine },
      <OnceOnly title="Save these codes">
        <p>
          Each code works once if you lose your second factor. Print them, or store them in a password manager. Don't
          store them on the device that is your second factor.
        </p>
        <ul class="codes mono">
          {codes.map((code) => (
            <li>{code}</li>
          ))}
        </ul>
        <button type="button" data-copy hidden aria-label="Copy the codes">
          Copy
        </button>
      </OnceOnly>,
    );
  }

  function removal(what: string, effect: string): NonNullable<Route['ask']> {
    return async ({ operator: { id }, sessionId }) => ({
      title: `Remove ${what}`,
      trail: TO_ACCOUNT,
      name: 'Remove',
      effect,
      more: 'Only another owner can remove your last second factor.',
      text: (await operators.needsPassword(await operators.get(id), sessionId)) && <CurrentPassword isRequired />,
    });
  }

  async function renaming(visit: Visit) {
    const { passkeys = [] } = await operators.get(visit.operator.id);
    const passkey = passkeys.find(({ id }) => id === visit.params['passkeyId']);
    if (!passkey) throw new AppError('not_found', { detail: "You don't have this passkey." });
    return {
      title: `Rename the passkey ${passkey.name}`,
      trail: TO_ACCOUNT,
      children: (
        <Form class="panel">
          <PasskeyName value={passkey.name} />
          <Submit name="Rename" back={mine} />
        </Form>
      ),
    };
  }

  return [
    {
      path: '/account/second-factor',
      action: 'account.use',
      on: '/account?second-factor',
      async post(visit) {
        const { operator, form, attribution } = visit;
        const given = { secret: form.get('secret') ?? '', code: form.get('code') ?? '' };
        return shown(await operators.confirmTotp(operator.id, given, attribution, proofOf(visit)));
      },
    },
    {
      path: '/account/second-factor/remove',
      action: 'account.use',
      ask: removal('the authenticator app', 'Its codes stop working.'),
      does: (visit) => operators.removeTotp(visit.operator.id, visit.attribution, proofOf(visit)),
    },
    {
      path: '/account/passkeys',
      action: 'account.use',
      async post(visit) {
        const { operator, form, attribution } = visit;
        const given = {
          name: required(form, 'name', LONGEST_PASSKEY_NAME),
          ...(passkeyIn(form) ?? { answer: '', sealed: '' }),
        };
        return shown(await operators.addPasskey(operator.id, given, attribution, proofOf(visit)));
      },
    },
    {
      path: '/account/passkeys/:passkeyId/rename',
      action: 'account.use',
      get: renaming,
      async post({ operator, params, form, attribution }) {
        const name = required(form, 'name', LONGEST_PASSKEY_NAME);
        await operators.renamePasskey(operator.id, params['passkeyId'] ?? '', name, attribution);
        return mine;
      },
    },
    {
      path: '/account/passkeys/:passkeyId/remove',
      action: 'account.use',
      ask: removal('this passkey', 'You can no longer sign in with it.'),
      does(visit) {
        const { operator, params, attribution } = visit;
        return operators.removePasskey(operator.id, params['passkeyId'] ?? '', attribution, proofOf(visit));
      },
    },
    {
      path: '/account/recovery-codes',
      action: 'account.use',
      post: async (visit) =>
        shown(await operators.renewRecoveryCodes(visit.operator.id, visit.attribution, proofOf(visit))),
    },
  ];
}
