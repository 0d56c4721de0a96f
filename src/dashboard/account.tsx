/** What operators do to their own account. With a browser that was left open nobody gets far: the current password is asked for. */

import { LONGEST_PASSWORD, type Operator, type OperatorSession, SHORTEST_PASSWORD } from '../operators/index.ts';
import { Act, counted, Field, Form, Head, required, Submit, sent, Tag, Time } from '../pages/index.ts';
import { factorRoutes, factorSections } from './account-factors.tsx';
import { CurrentPassword, proofOf, TRAIL } from './account-proof.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

export const ROLE_MEANINGS = {
  owner: 'full access',
  admin: 'full access, except to API keys and members',
  viewer: 'read-only',
} as const;

const mine = `${HOME}/account`;

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
              <div>Your password was changed. Your sessions in other browsers have ended.</div>
            </section>
          )}
          {isLocal && operator.passwordHash === undefined && !operator.passkeys?.length && (
            <section class="note">
              <div>
                <strong>Add a passkey or a password.</strong> Until then, you need a sign-in link from the server or
                from another owner.
              </div>
            </section>
          )}
          {isLocal ? (
            <>
              <section class="panel">
                <h2>Profile</h2>
                <Form visit={visit} action={mine} class="fields">
                  <Field name="name" value={operator.name} isRequired />
                  {/* Without one, it is asked for with the password that needs it. */}
                  {operator.email !== undefined && (
                    <Field name="email" value={operator.email} hint="Used to sign in." />
                  )}
                  {needsPassword && <CurrentPassword hint="Required to change your email." />}
                  <Submit name="Save" isMild />
                </Form>
                <small>
                  Your role is {operator.role}: {ROLE_MEANINGS[operator.role]}.
                </small>
              </section>
              <Password visit={visit} operator={operator} needsPassword={needsPassword} />
              {await factorSections({ visit, operator, operators, needsPassword })}
            </>
          ) : (
            <section class="panel">
              <h2>{operator.name}</h2>
              <p class="soft">
                You sign in with your OpenID provider. Your name and role come from it. Your role is {operator.role}:{' '}
                {ROLE_MEANINGS[operator.role]}.
              </p>
            </section>
          )}
          <Sessions
            visit={visit}
            sessions={await operators.sessionsOf(operator.id)}
            address={`${mine}/sessions`}
            title="Sessions"
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
          {operator.email === undefined && <Field name="email" isRequired hint="Used to sign in." />}
          {needsPassword && <CurrentPassword isRequired />}
          <label class="line">
            <span>New password</span>
            <input
              type="password"
              name="password"
              required
              minlength={SHORTEST_PASSWORD}
              maxlength={LONGEST_PASSWORD}
              autocomplete="new-password"
            />
            <small>
              {SHORTEST_PASSWORD} characters or more, and not a common password. Your other sessions will end.
            </small>
          </label>
          <Submit name="Set password" isMild />
        </Form>
      </section>
    );
  }

  return [
    {
      path: '/account',
      action: 'account.use',
      get: account,
      async post(visit) {
        const { operator, form, attribution } = visit;
        const changes = { name: required(form, 'name'), email: sent(form, 'email') ?? null };
        await operators.change(operator.id, changes, attribution, proofOf(visit));
        return mine;
      },
    },
    {
      path: '/account/password',
      action: 'account.use',
      on: '/account',
      async post(visit) {
        const { operator, form, attribution } = visit;
        const email = sent(form, 'email');
        if (email !== undefined) await operators.change(operator.id, { email }, attribution, proofOf(visit));
        await operators.setPassword(operator.id, form.get('password') ?? '', attribution, proofOf(visit));
        return `${mine}?password-set`;
      },
    },
    ...factorRoutes(operators),
    {
      path: '/account/sessions/:id/end',
      action: 'account.use',
      on: '/account',
      async post({ operator, params, attribution }) {
        await operators.endSession(operator.id, params['id'] ?? '', attribution);
        return mine;
      },
    },
    {
      path: '/sign-out',
      action: 'account.use',
      async post({ operator, sessionId, attribution }) {
        await operators.endSession(operator.id, sessionId, attribution);
        return `${HOME}/sign-in`;
      },
    },
  ];
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
            <small>No sessions.</small>
          </li>
        )}
        {sessions.map((session) => (
          <li>
            <span class="what">
              <span>
                {session.address} {session.id === visit.sessionId && <Tag tone="ok">this session</Tag>}
              </span>
              <small>
                {browserOf(session.userAgent)}, since <Time at={session.createdAt} now={visit.now} />, ends{' '}
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

/** Browsers also name those they descend from, so the first match counts. */
const BROWSERS = [
  [/Edg/, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox|FxiOS/, 'Firefox'],
  [/Chrom|CriOS/, 'Chrome'],
  [/Safari/, 'Safari'],
] as const;
const SYSTEMS = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Macintosh/, 'macOS'],
  [/Linux/, 'Linux'],
] as const;

/** "Chrome on Windows", or what it calls itself where we don't know it. */
function browserOf(userAgent: string | undefined): string {
  if (userAgent === undefined) return 'unknown browser';
  const [, browser] = BROWSERS.find(([pattern]) => pattern.test(userAgent)) ?? [];
  const [, system] = SYSTEMS.find(([pattern]) => pattern.test(userAgent)) ?? [];
  return browser && system ? `${browser} on ${system}` : userAgent;
}
