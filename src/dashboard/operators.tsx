import { AppError } from '../errors.ts';
import { counted, QrCode, Tag, Time } from '../faces/index.ts';
import { Act, Choice, CopyOnce, Field, Form, Head, More, required, sent } from '../guidance/index.ts';
import { OPERATOR_ROLES, type Operator, type OperatorSession } from '../operators/index.ts';
import type { DashboardDependencies } from './index.tsx';
import { HOME, OWNERS, READERS, type Route, type Visit } from './visit.tsx';

const PAGE = 50;
const TRAIL: [string, string][] = [[`${HOME}/settings`, 'Settings']];
const MEANINGS = {
  owner: 'everything',
  admin: 'everything but API keys and operators',
  viewer: 'looks, changes nothing',
} as const;

const mine = `${HOME}/account`;

export function operatorRoutes({ operators, publicUrl, clock }: DashboardDependencies): Route[] {
  async function list(visit: Visit) {
    const { items, nextCursor } = await operators.page({ after: visit.query.get('after') ?? undefined, limit: PAGE });
    const now = clock.now();
    return {
      title: 'Operators',
      place: 'settings',
      children: (
        <>
          <Head trail={TRAIL} title="Operators" />
          <section class="panel">
            <h2>New operator</h2>
            <Form visit={visit} action={`${HOME}/operators`} class="fields">
              <Field label="Name" name="name" isRequired />
              <Field label="E-mail address" name="email" hint="To sign in by, once they have set a password." />
              <Choice
                label="Role"
                name="role"
                value="admin"
                options={OPERATOR_ROLES.map((role) => [role, role])}
                hint={OPERATOR_ROLES.map((role) => `${role}: ${MEANINGS[role]}`).join('; ')}
              />
              <div class="acts">
                <button type="submit" class="primary">
                  Create operator
                </button>
              </div>
            </Form>
          </section>
          <section class="panel list">
            <ul class="rows">
              {items.map((operator) => (
                <li>
                  <span class="what">
                    <span>
                      <a href={operator.id === visit.operator.id ? mine : `${HOME}/operators/${operator.id}`}>
                        <b>{operator.name}</b>
                      </a>{' '}
                      {operator.id === visit.operator.id && <Tag>you</Tag>}{' '}
                      {operator.disabledAt && <Tag tone="bad">disabled</Tag>}
                    </span>
                    <small>
                      {operator.email ?? 'no e-mail address'}, {operator.role},{' '}
                      {operator.totp === undefined ? 'no second factor' : 'second factor'},{' '}
                      {operator.lastSignInAt ? (
                        <>
                          signed in <Time at={operator.lastSignInAt} now={now} />
                        </>
                      ) : (
                        'never signed in'
                      )}
                    </small>
                  </span>
                </li>
              ))}
            </ul>
          </section>
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  async function one(visit: Visit) {
    const operator = await operators.get(visit.params['id'] ?? '');
    if (operator.id === visit.operator.id) return mine;
    const address = `${HOME}/operators/${operator.id}`;
    return {
      title: operator.name,
      place: 'settings',
      children: (
        <>
          <Head trail={[...TRAIL, [`${HOME}/operators`, 'Operators']]} title={operator.name}>
            {operator.disabledAt ? (
              <Tag tone="bad">disabled</Tag>
            ) : (
              <Act visit={visit} action={`${address}/link`} name="Sign-in link" />
            )}
          </Head>
          <section class="panel">
            <Form visit={visit} action={address} class="fields">
              <Field label="Name" name="name" value={operator.name} isRequired />
              <Field
                label="E-mail address"
                name="email"
                value={operator.email}
                hint="Without one the password goes too."
              />
              <Choice
                label="Role"
                name="role"
                value={operator.role}
                options={OPERATOR_ROLES.map((role) => [role, role])}
                hint={OPERATOR_ROLES.map((role) => `${role}: ${MEANINGS[role]}`).join('; ')}
              />
              <div class="acts">
                <button type="submit">Save</button>
              </div>
            </Form>
          </section>
          <Sessions
            visit={visit}
            sessions={await operators.sessionsOf(operator.id)}
            address={`${address}/sessions`}
            title="Where they are signed in"
          />
          <section class="panel">
            <h2>{operator.disabledAt ? 'Enable or remove' : 'Disable'}</h2>
            <p class="soft">
              {operator.disabledAt
                ? 'Removed, they are gone from this list; what they did stays in the audit.'
                : 'They are signed out at once and cannot sign in. What they made goes on working.'}
            </p>
            <div class="acts">
              <Act
                visit={visit}
                action={`${address}/${operator.disabledAt ? 'enable' : 'disable'}`}
                name={operator.disabledAt ? 'Enable' : 'Disable'}
                {...(!operator.disabledAt && { tone: 'danger' as const })}
              />
              {operator.disabledAt && <Act visit={visit} action={`${address}/remove`} name="Remove" tone="danger" />}
            </div>
          </section>
        </>
      ),
    };
  }

  async function link(visit: Visit, operator: Operator) {
    const { secret, expiresAt } = await operators.createLink(operator.id, visit.cause);
    return {
      title: `Sign-in link for ${operator.name}`,
      place: 'settings',
      children: (
        <>
          <Head trail={[...TRAIL, [`${HOME}/operators`, 'Operators']]} title={`Sign-in link for ${operator.name}`} />
          <CopyOnce title={operator.name} label="Send it to them alone" value={`${publicUrl}${HOME}/enter/${secret}`}>
            It signs one browser in, once, until <Time at={expiresAt} now={clock.now()} exact />. They set a password
            then.
          </CopyOnce>
          <div class="acts">
            <a class="btn primary" href={`${HOME}/operators`}>
              I have sent it
            </a>
          </div>
        </>
      ),
    };
  }

  async function account(visit: Visit) {
    const operator = await operators.get(visit.operator.id);
    const sessions = await operators.sessionsOf(operator.id);
    const isByPassword = sessions.find(({ id }) => id === visit.sessionId)?.by === 'password';
    const proposed =
      operator.totp === undefined && visit.query.has('second-factor') ? operators.proposeTotp(operator) : undefined;
    return {
      title: 'Your account',
      place: 'settings',
      children: (
        <>
          <Head trail={TRAIL} title="Your account">
            <Act visit={visit} action={`${HOME}/sign-out`} name="Sign out" />
          </Head>
          {operator.passwordHash === undefined && (
            <section class="note">
              <div>
                <strong>You have no password yet.</strong> Without one you sign in by a link from the server, or from
                another owner.
              </div>
            </section>
          )}
          <section class="panel">
            <h2>Who you are</h2>
            <Form visit={visit} action={`${HOME}/account`} class="fields">
              <Field label="Name" name="name" value={operator.name} isRequired />
              <Field label="E-mail address" name="email" value={operator.email} hint="To sign in by." />
              <div class="acts">
                <button type="submit">Save</button>
              </div>
            </Form>
            <small>
              Your role is {operator.role}: {MEANINGS[operator.role]}.
            </small>
          </section>
          <section class="panel">
            <h2>Password</h2>
            <Form visit={visit} action={`${HOME}/account/password`} class="fields">
              <input type="hidden" name="username" value={operator.email ?? ''} autocomplete="username" />
              {operator.passwordHash !== undefined && isByPassword && (
                <label class="line">
                  <span>Current password</span>
                  <input type="password" name="current" required maxlength={256} autocomplete="current-password" />
                </label>
              )}
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
          <section class="panel" id="second-factor">
            <h2>Second factor</h2>
            {operator.totp !== undefined ? (
              <>
                <p class="soft">An authenticator app is asked for its code when you sign in by password.</p>
                <Act visit={visit} action={`${HOME}/account/second-factor/remove`} name="Remove" tone="danger" />
              </>
            ) : proposed ? (
              <Form visit={visit} action={`${HOME}/account/second-factor`} class="detail">
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
                  <input
                    type="text"
                    name="code"
                    required
                    inputmode="numeric"
                    autocomplete="one-time-code"
                    maxlength={10}
                  />
                </label>
                <div class="acts">
                  <button type="submit" class="primary">
                    Add second factor
                  </button>
                </div>
              </Form>
            ) : (
              <p class="soft">
                None. <a href={`${HOME}/account?second-factor#second-factor`}>Add an authenticator app</a>
              </p>
            )}
          </section>
          <Sessions visit={visit} sessions={sessions} address={`${mine}/sessions`} title="Where you are signed in" />
        </>
      ),
    };
  }

  return [
    { method: 'get', path: '/operators', roles: OWNERS, handle: list },
    {
      method: 'post',
      path: '/operators',
      roles: OWNERS,
      async handle(visit) {
        const role = OPERATOR_ROLES.find((known) => known === visit.form.get('role')) ?? 'viewer';
        const operator = await operators.create(
          { name: required(visit.form, 'name'), email: sent(visit.form, 'email'), role },
          visit.cause,
        );
        return link(visit, operator);
      },
    },
    {
      method: 'post',
      path: '/operators/:id/link',
      roles: OWNERS,
      handle: async (visit) => link(visit, await operators.get(visit.params['id'] ?? '')),
    },
    { method: 'get', path: '/operators/:id', roles: OWNERS, handle: one },
    {
      method: 'post',
      path: '/operators/:id',
      roles: OWNERS,
      async handle({ params, form, cause }) {
        const given = required(form, 'role');
        const role = OPERATOR_ROLES.find((known) => known === given);
        if (!role) {
          const detail = `Role: given ${given.slice(0, 40)}; wanted one of ${OPERATOR_ROLES.join(', ')}.`;
          throw new AppError('invalid_request', { detail });
        }
        const changes = { name: required(form, 'name'), email: sent(form, 'email') ?? null, role };
        const { id } = await operators.change(params['id'] ?? '', changes, cause);
        return `${HOME}/operators/${id}`;
      },
    },
    {
      method: 'post',
      path: '/operators/:id/sessions/:sessionId/end',
      roles: OWNERS,
      async handle({ params, cause }) {
        const id = params['id'] ?? '';
        await operators.endSession(id, params['sessionId'] ?? '', cause);
        return `${HOME}/operators/${id}`;
      },
    },
    ...(['disable', 'enable', 'remove'] as const).map(
      (verb): Route => ({
        method: 'post',
        path: `/operators/:id/${verb}`,
        roles: OWNERS,
        async handle({ params, cause }) {
          const id = params['id'] ?? '';
          await operators[verb](id, cause);
          return verb === 'remove' ? `${HOME}/operators` : `${HOME}/operators/${id}`;
        },
      }),
    ),
    { method: 'get', path: '/account', roles: READERS, handle: account },
    {
      method: 'post',
      path: '/account',
      roles: READERS,
      async handle({ operator, form, cause }) {
        await operators.change(
          operator.id,
          { name: required(form, 'name'), email: sent(form, 'email') ?? null },
          cause,
        );
        return mine;
      },
    },
    {
      method: 'post',
      path: '/account/password',
      roles: READERS,
      async handle({ operator, form, sessionId, cause }) {
        const by = { sessionId, current: form.get('current') ?? '', address: cause.address };
        await operators.setPassword(operator.id, form.get('password') ?? '', by, cause);
        return mine;
      },
    },
    {
      method: 'post',
      path: '/account/second-factor',
      roles: READERS,
      async handle({ operator, form, cause }) {
        await operators.confirmTotp(operator.id, form.get('secret') ?? '', form.get('code') ?? '', cause);
        return mine;
      },
    },
    {
      method: 'post',
      path: '/account/second-factor/remove',
      roles: READERS,
      async handle({ operator, cause }) {
        await operators.removeTotp(operator.id, cause);
        return mine;
      },
    },
    {
      method: 'post',
      path: '/account/sessions/:id/end',
      roles: READERS,
      async handle({ operator, params, cause }) {
        await operators.endSession(operator.id, params['id'] ?? '', cause);
        return mine;
      },
    },
    {
      method: 'post',
      path: '/sign-out',
      roles: READERS,
      async handle({ operator, sessionId, cause }) {
        await operators.endSession(operator.id, sessionId, cause);
        return `${HOME}/sign-in`;
      },
    },
  ];
}

function Sessions(props: { visit: Visit; sessions: OperatorSession[]; address: string; title: string }) {
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
