/** What operators do to their own account. With a browser that was left open nobody gets far: the current password is asked for. */

import type { Operator, OperatorSession, Proof } from '../operators/index.ts';
import { Act, Ask, Confirm, counted, Field, Form, Head, QrCode, required, sent, Tag, Time } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

export const ROLE_MEANINGS = {
  owner: 'everything',
  admin: 'everything but making API keys and operators',
  viewer: 'looks, changes nothing',
} as const;

const mine = `${HOME}/account`;
const TRAIL: [string, string][] = [[`${HOME}/settings`, 'Settings']];

export function accountRoutes({ operators }: DashboardDependencies): Route[] {
  async function account(visit: Visit) {
    const operator = await operators.get(visit.operator.id);
    const needsPassword = await operators.needsPassword(operator, visit.sessionId);
    const isLocal = operator.subject === undefined;
    return {
      title: 'Your account',
      place: 'settings',
      children: (
        <>
          <Head trail={TRAIL} title="Your account">
            <Act visit={visit} action={`${HOME}/sign-out`} name="Sign out" />
          </Head>
          {visit.query.has('password-set') && (
            <section class="note ok" role="status">
              <div>The password is set. Sessions in other browsers have ended.</div>
            </section>
          )}
          {isLocal && operator.passwordHash === undefined && (
            <section class="note">
              <div>
                <strong>You have no password yet.</strong> Without one you sign in by a link from the server, or from
                another owner.
              </div>
            </section>
          )}
          {isLocal ? (
            <>
              <section class="panel">
                <h2>Who you are</h2>
                <Form visit={visit} action={mine} class="fields">
                  <Field name="name" value={operator.name} isRequired />
                  <Field name="email" value={operator.email} hint="To sign in by." />
                  {needsPassword && <CurrentPassword hint="To change the address." />}
                  <div class="acts">
                    <button type="submit">Save</button>
                  </div>
                </Form>
                <small>
                  Your role is {operator.role}: {ROLE_MEANINGS[operator.role]}.
                </small>
              </section>
              <Password visit={visit} operator={operator} needsPassword={needsPassword} />
              <SecondFactor visit={visit} operator={operator} needsPassword={needsPassword} />
            </>
          ) : (
            <section class="panel">
              <h2>{operator.name}</h2>
              <p class="soft">
                You sign in by your OpenID provider, which gives your name and role. Your role is {operator.role}:{' '}
                {ROLE_MEANINGS[operator.role]}.
              </p>
            </section>
          )}
          <Sessions
            visit={visit}
            sessions={await operators.sessionsOf(operator.id)}
            address={`${mine}/sessions`}
            title="Where you are signed in"
          />
        </>
      ),
    };
  }

  function Password(props: { visit: Visit; operator: Operator; needsPassword: boolean }) {
    const { visit, operator, needsPassword } = props;
    return (
      <section class="panel">
        <h2>Password</h2>
        <Form visit={visit} action={`${mine}/password`} class="fields">
          <input type="hidden" name="username" value={operator.email ?? ''} autocomplete="username" />
          {operator.email === undefined && <Field name="email" isRequired hint="To sign in by." />}
          {needsPassword && <CurrentPassword isRequired />}
          <label class="line">
            <span>New password</span>
            <input
              type="password"
              name="password"
              required
              minlength={12}
              maxlength={256}
              autocomplete="new-password"
            />
            <small>12 characters or more. Your other sessions end.</small>
          </label>
          <div class="acts">
            <button type="submit">Set password</button>
          </div>
        </Form>
      </section>
    );
  }

  function SecondFactor(props: { visit: Visit; operator: Operator; needsPassword: boolean }) {
    const { visit, operator, needsPassword } = props;
    const proposed =
      operator.totp === undefined && visit.query.has('second-factor')
        ? // After a wrong code the key that was scanned stays.
          operators.proposeTotp(operator, visit.refused?.form.get('secret') ?? undefined)
        : undefined;
    return (
      <section class="panel" id="second-factor">
        <h2>Second factor</h2>
        {operator.totp !== undefined ? (
          <>
            <p class="soft">An authenticator app is asked for its code when you sign in by password.</p>
            <div class="acts">
              <Ask href={`${mine}/second-factor/remove`} name="Remove" />
            </div>
          </>
        ) : proposed ? (
          <Form visit={visit} action={`${mine}/second-factor`} class="detail">
            <p class="soft">
              Scan this with an authenticator app, or put the key into it; then type the code that it shows.
            </p>
            <QrCode text={proposed.uri} name="The key of the second factor" />
            <div class="field">
              <span class="mono">{proposed.secret.replace(/(.{4})(?=.)/g, '$1 ')}</span>
            </div>
            <p>
              <a href={proposed.uri}>Open it in an app on this device</a>
            </p>
            <input type="hidden" name="secret" value={proposed.secret} />
            <label class="line short">
              <span>Code</span>
              <input type="text" name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength={10} />
            </label>
            {needsPassword && <CurrentPassword isRequired />}
            <div class="acts">
              <button type="submit" class="primary">
                Add second factor
              </button>
            </div>
          </Form>
        ) : (
          <p class="soft">
            None. <a href={`${mine}?second-factor#second-factor`}>Add an authenticator app</a>
          </p>
        )}
      </section>
    );
  }

  async function removal(visit: Visit) {
    const operator = await operators.get(visit.operator.id);
    const title = 'Remove the second factor';
    return {
      title,
      place: 'settings',
      children: (
        <Confirm visit={visit} trail={[...TRAIL, [mine, 'Your account']]} title={title} name="Remove" back={mine}>
          <p>
            <b>Your password alone signs in from this moment.</b>
          </p>
          {(await operators.needsPassword(operator, visit.sessionId)) && <CurrentPassword isRequired />}
        </Confirm>
      ),
    };
  }

  return [
    {
      path: '/account',
      action: 'account.use',
      get: account,
      async post(visit) {
        const { operator, form, cause } = visit;
        const changes = { name: required(form, 'name'), email: sent(form, 'email') ?? null };
        await operators.change(operator.id, changes, cause, proofOf(visit));
        return mine;
      },
    },
    {
      path: '/account/password',
      action: 'account.use',
      on: '/account',
      async post(visit) {
        const { operator, form, cause } = visit;
        const email = sent(form, 'email');
        if (email !== undefined) await operators.change(operator.id, { email }, cause, proofOf(visit));
        await operators.setPassword(operator.id, form.get('password') ?? '', cause, proofOf(visit));
        return `${mine}?password-set`;
      },
    },
    {
      path: '/account/second-factor',
      action: 'account.use',
      on: '/account?second-factor',
      async post(visit) {
        const { operator, form, cause } = visit;
        const given = { secret: form.get('secret') ?? '', code: form.get('code') ?? '' };
        await operators.confirmTotp(operator.id, given, cause, proofOf(visit));
        return mine;
      },
    },
    {
      path: '/account/second-factor/remove',
      action: 'account.use',
      get: removal,
      async post(visit) {
        await operators.removeTotp(visit.operator.id, visit.cause, proofOf(visit));
        return mine;
      },
    },
    {
      path: '/account/sessions/:id/end',
      action: 'account.use',
      on: '/account',
      async post({ operator, params, cause }) {
        await operators.endSession(operator.id, params['id'] ?? '', cause);
        return mine;
      },
    },
    {
      path: '/sign-out',
      action: 'account.use',
      async post({ operator, sessionId, cause }) {
        await operators.endSession(operator.id, sessionId, cause);
        return `${HOME}/sign-in`;
      },
    },
  ];
}

function proofOf({ sessionId, form, cause }: Visit): Proof {
  return { sessionId, password: form.get('current') ?? '', address: cause.address };
}

function CurrentPassword({ hint, isRequired = false }: { hint?: string; isRequired?: boolean }) {
  return (
    <label class="line">
      <span>Current password</span>
      <input type="password" name="current" required={isRequired} maxlength={256} autocomplete="current-password" />
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

export function Sessions(props: { visit: Visit; sessions: OperatorSession[]; address: string; title: string }) {
  const { visit, sessions, address, title } = props;
  return (
    <section class="panel list">
      <div class="bar">
        <h2>{title}</h2>
        <small>{counted(sessions.length, 'session')}</small>
      </div>
      <ul class="rows">
        {sessions.length === 0 && (
          <li>
            <small>Nowhere.</small>
          </li>
        )}
        {sessions.map((session) => (
          <li>
            <span class="what">
              <span>
                {session.address} {session.id === visit.sessionId && <Tag tone="ok">this one</Tag>}
              </span>
              <small>
                {session.userAgent ?? 'unknown browser'}, since <Time at={session.createdAt} now={visit.now} />, ends{' '}
                <Time at={session.expiresAt} now={visit.now} />
              </small>
            </span>
            {session.id !== visit.sessionId && <Act visit={visit} action={`${address}/${session.id}/end`} name="End" />}
          </li>
        ))}
      </ul>
    </section>
  );
}
