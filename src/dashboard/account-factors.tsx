/** The second factors of one's own account: passkeys, an authenticator app, recovery codes. */
import { AppError } from '../errors.ts';
import { hasSecondFactor, type Operator, type Operators } from '../operators/index.ts';
import { Ask, Confirm, counted, Field, Form, Go, Head, QrCode, required, Submit, Tag, Time } from '../pages/index.ts';
import { CurrentPassword, proofOf, TRAIL } from './account-proof.tsx';
import { PasskeyQuestion, passkeyIn, WithPasskeys } from './passkey-form.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const LONGEST_PASSKEY_NAME = 60;
const mine = `${HOME}/account`;
const TO_ACCOUNT: [string, string][] = [...TRAIL, [mine, 'Your account']];

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
            <li>
              <span class="what">
                <b>{name}</b>
                <small>
                  Added <Time at={new Date(createdAt)} now={visit.now} />
                  {lastUsedAt === undefined ? (
                    ', not used yet'
                  ) : (
                    <>
                      , used <Time at={new Date(lastUsedAt)} now={visit.now} />
                    </>
                  )}
                </small>
              </span>
              <Go href={`${mine}/passkeys/${id}/rename`} name="Rename" />
              <Ask href={`${mine}/passkeys/${id}/remove`} name="Remove" />
            </li>
          ))}
        </ul>
        {question ? (
          <>
            <WithPasskeys>
              <Form visit={visit} action={`${mine}/passkeys`} class="fields">
                <Field
                  name="name"
                  isRequired
                  maximum={LONGEST_PASSKEY_NAME}
                  hint="For example, the device it is stored on."
                />
                {needsPassword && <CurrentPassword isRequired />}
                <Submit name="Add a passkey" isMild />
                <PasskeyQuestion does="create" question={question} />
              </Form>
            </WithPasskeys>
            <p class="soft" data-without-script>
              Adding a passkey needs JavaScript.
            </p>
          </>
        ) : (
          <p class="soft">Passkeys need a LATCHKEY_PUBLIC_URL with https and a host name.</p>
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
          <Form visit={visit} action={`${mine}/second-factor`} class="detail">
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
            <label class="line short">
              <span>Code</span>
              <input type="text" name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength={10} />
            </label>
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
          <Form visit={visit} action={`${mine}/recovery-codes`} class="fields">
            {needsPassword && <CurrentPassword isRequired />}
            <Submit name="Generate new codes" isMild />
            <small>Your current codes will stop working.</small>
          </Form>
        </section>
      )}
    </>
  );
}

export function factorRoutes(operators: Operators): Route[] {
  /** The codes, or back to the account where there are none to show. */
  function shown(codes: string[] | undefined) {
    if (codes === undefined) return mine;
    return {
      title: 'Your recovery codes',
      place: 'settings',
      children: (
        <>
          <Head trail={TO_ACCOUNT} title="Your recovery codes" />
          <section class="panel reveal">
            <div class="head">
              <h2>Save these codes</h2>
              <Tag tone="warn">shown once</Tag>
            </div>
            <p>
              Each code works once if you lose your second factor. Print them, or store them in a password manager.
              Don't store them on the device that is your second factor.
            </p>
            <ul class="codes mono">
              {codes.map((code) => (
                <li>{code}</li>
              ))}
            </ul>
            <button type="button" data-copy hidden aria-label="Copy the codes">
              Copy
            </button>
          </section>
          <div class="acts">
            <Go href={mine} name="I've saved them" tone="primary" />
          </div>
        </>
      ),
    };
  }

  function removal(what: string, after: string): NonNullable<Route['get']> {
    return async (visit) => {
      const operator = await operators.get(visit.operator.id);
      const title = `Remove ${what}`;
      return {
        title,
        place: 'settings',
        children: (
          <Confirm visit={visit} trail={TO_ACCOUNT} title={title} name="Remove" back={mine}>
            <p>
              <b>{after}</b> Only another owner can remove your last second factor.
            </p>
            {(await operators.needsPassword(operator, visit.sessionId)) && <CurrentPassword isRequired />}
          </Confirm>
        ),
      };
    };
  }

  async function renaming(visit: Visit) {
    const { passkeys = [] } = await operators.get(visit.operator.id);
    const passkey = passkeys.find(({ id }) => id === visit.params['passkeyId']);
    if (!passkey) throw new AppError('not_found', { detail: "You don't have this passkey." });
    const title = `Rename the passkey ${passkey.name}`;
    return {
      title,
      place: 'settings',
      children: (
        <>
          <Head trail={TO_ACCOUNT} title={title} />
          <Form visit={visit} class="panel">
            <Field
              name="name"
              value={passkey.name}
              isRequired
              maximum={LONGEST_PASSKEY_NAME}
              hint="For example, the device it is stored on."
            />
            <Submit name="Rename" back={mine} />
          </Form>
        </>
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
      get: removal('the authenticator app', 'Its codes stop working.'),
      async post(visit) {
        await operators.removeTotp(visit.operator.id, visit.attribution, proofOf(visit));
        return mine;
      },
    },
    {
      path: '/account/passkeys',
      action: 'account.use',
      on: '/account',
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
      get: removal('this passkey', 'You can no longer sign in with it.'),
      async post(visit) {
        const { operator, params, attribution } = visit;
        await operators.removePasskey(operator.id, params['passkeyId'] ?? '', attribution, proofOf(visit));
        return mine;
      },
    },
    {
      path: '/account/recovery-codes',
      action: 'account.use',
      on: '/account',
      async post(visit) {
        return shown(await operators.renewRecoveryCodes(visit.operator.id, visit.attribution, proofOf(visit)));
      },
    },
  ];
}
