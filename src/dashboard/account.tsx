/** What operators do to their own account. With a browser that was left open nobody gets far: the current password is asked for. */

import type { ComponentChildren } from 'preact';
import { LONGEST_PASSWORD, type Operator, SHORTEST_PASSWORD } from '../operators/index.ts';
import { Act, Field, Form, Note, required, Submit, sent } from '../pages/index.ts';
import { factorRoutes, factorSections } from './account-factors.tsx';
import { CurrentPassword, proofOf, TRAIL } from './account-proof.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { Sessions } from './sessions.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

export const ROLE_MEANINGS = {
  owner: 'full access',
  admin: 'full access, except to API keys and members',
  viewer: 'read-only',
} as const;

const mine = `${HOME}/account`;

/** Who signs in by links alone has to ask for one each time. */
export function hasLinksAlone({ passwordHash, subject, passkeys = [] }: Operator): boolean {
  return passwordHash === undefined && subject === undefined && passkeys.length === 0;
}

export function LinksAlone({ acts }: { acts?: ComponentChildren }) {
  return (
    <Note acts={acts}>
      <strong>Add a passkey or a password.</strong> Until then, you need a sign-in link from the server or from another
      owner.
    </Note>
  );
}

export function accountRoutes({ operators }: DashboardDependencies): Route[] {
  async function account(visit: Visit) {
    const operator = await operators.get(visit.operator.id);
    const needsPassword = await operators.needsPassword(operator, visit.sessionId);
    const isLocal = operator.subject === undefined;
    return {
      title: 'Your account',
      trail: TRAIL,
      acts: <Act action={`${HOME}/sign-out`} name="Sign out" />,
      children: (
        <>
          {visit.query.has('password-set') && (
            <Note tone="ok">Your password was changed. Your sessions in other browsers have ended.</Note>
          )}
          {hasLinksAlone(operator) && <LinksAlone />}
          {isLocal ? (
            <>
              <section class="panel">
                <h2>Profile</h2>
                <Form action={mine} class="fields">
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
              <Password operator={operator} needsPassword={needsPassword} />
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
            sessions={await operators.sessionsOf(operator.id)}
            address={`${mine}/sessions`}
            current={visit.sessionId}
          />
        </>
      ),
    };
  }

  function Password({ operator, needsPassword }: { operator: Operator; needsPassword: boolean }) {
    return (
      <section class="panel">
        <h2>Password</h2>
        <Form action={`${mine}/password`} class="fields">
          <input type="hidden" name="username" value={operator.email ?? ''} autocomplete="username" />
          {operator.email === undefined && <Field name="email" isRequired hint="Used to sign in." />}
          {needsPassword && <CurrentPassword isRequired />}
          <Field
            label="New password"
            name="password"
            type="password"
            isRequired
            isSecret
            minimum={SHORTEST_PASSWORD}
            maximum={LONGEST_PASSWORD}
            autocomplete="new-password"
            hint={`${SHORTEST_PASSWORD} characters or more, and not a common password. Your other sessions will end.`}
          />
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
      async does(visit) {
        const { operator, form, attribution } = visit;
        const changes = { name: required(form, 'name'), email: sent(form, 'email') ?? null };
        await operators.change(operator.id, changes, attribution, proofOf(visit));
      },
    },
    {
      path: '/account/password',
      action: 'account.use',
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
      does: ({ operator, id, attribution }) => operators.endSession(operator.id, id, attribution),
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
