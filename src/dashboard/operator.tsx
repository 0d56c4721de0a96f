/** One member of the team: their name and role, sessions, second factor, sign-in links, and their end. */
import { hasSecondFactor, OPERATOR_ROLES, type Operator } from '../operators/index.ts';
import {
  Act,
  Ask,
  Choice,
  Confirm,
  CopyOnce,
  chosen,
  counted,
  Field,
  Form,
  Go,
  Head,
  required,
  Submit,
  sent,
  Tag,
  Time,
  touched,
} from '../pages/index.ts';
import { ROLE_MEANINGS, Sessions } from './account.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const TRAIL: [string, string][] = [[`${HOME}/settings`, 'Settings']];
const mine = `${HOME}/account`;

export function oneOperatorRoutes(deps: DashboardDependencies): Route[] {
  const { operators } = deps;

  async function one(visit: Visit) {
    const operator = await operators.get(visit.params['id'] ?? '');
    if (operator.id === visit.operator.id) return mine;
    const address = `${HOME}/operators/${operator.id}`;
    const openUntil = await operators.linkOpenUntil(operator.id);
    return {
      title: operator.name,
      place: 'settings',
      children: (
        <>
          <Head trail={[...TRAIL, [`${HOME}/operators`, 'Members']]} title={operator.name}>
            {operator.disabledAt ? (
              <Tag tone="bad">disabled</Tag>
            ) : (
              operator.subject === undefined && <Act visit={visit} action={`${address}/link`} name="Sign-in link" />
            )}
          </Head>
          {openUntil && (
            <section class="note">
              <div>
                <strong>A sign-in link has not been used yet.</strong> It expires{' '}
                <Time at={openUntil} now={visit.now} />.
              </div>
              <div class="acts">
                <Act visit={visit} action={`${address}/link/withdraw`} name="Withdraw" />
              </div>
            </section>
          )}
          <section class="panel">
            {operator.subject !== undefined && (
              <p class="soft">They sign in with your OpenID provider. It updates their name and role each time.</p>
            )}
            <Form
              visit={visit}
              action={address}
              class="fields"
              shown={{ name: operator.name, email: operator.email, role: operator.role }}
            >
              <Field name="name" value={operator.name} isRequired />
              <Field name="email" value={operator.email} hint="If you remove it, the password is removed too." />
              <Choice
                name="role"
                value={operator.role}
                options={OPERATOR_ROLES.map((role) => [role, role])}
                hint={OPERATOR_ROLES.map((role) => `${role}: ${ROLE_MEANINGS[role]}`).join('; ')}
              />
              <Submit name="Save" isMild />
            </Form>
          </section>
          <Sessions
            visit={visit}
            sessions={await operators.sessionsOf(operator.id)}
            address={`${address}/sessions`}
            title="Sessions"
          />
          {hasSecondFactor(operator) && (
            <section class="panel">
              <h2>Second factor</h2>
              <p class="soft">
                They have{' '}
                {[
                  operator.totp !== undefined && 'an authenticator app',
                  operator.passkeys?.length && counted(operator.passkeys.length, 'passkey'),
                ]
                  .filter(Boolean)
                  .join(' and ')}
                . If the device is lost, remove it. They can add a new one when they sign in.
              </p>
              <div class="acts">
                <Ask href={`${address}/second-factor/remove`} name="Remove" />
              </div>
            </section>
          )}
          <section class="panel">
            <h2>{operator.disabledAt ? 'Enable or remove' : 'Disable or remove'}</h2>
            <p class="soft">
              Everything they created keeps working. Their actions stay in the audit trail. Identity providers aren't
              affected.
            </p>
            <div class="acts">
              {operator.disabledAt ? (
                <Act visit={visit} action={`${address}/enable`} name="Enable" />
              ) : (
                <Ask href={`${address}/disable`} name="Disable" isMild />
              )}
              <Ask href={`${address}/remove`} name="Remove" />
            </div>
          </section>
        </>
      ),
    };
  }

  function ending(verb: 'Disable' | 'Remove'): NonNullable<Route['get']> {
    return async (visit) => {
      const { id, name, lastSignInAt } = await operators.get(visit.params['id'] ?? '');
      const address = `${HOME}/operators/${id}`;
      const title = `${verb} ${name}`;
      return {
        title,
        place: 'settings',
        children: (
          <Confirm
            visit={visit}
            trail={[...TRAIL, [address, name]]}
            title={title}
            name={verb}
            back={address}
            keep="Not now"
          >
            <p>
              <b>{name} will be signed out immediately and can't sign in again.</b>{' '}
              {lastSignInAt ? (
                <>
                  Last signed in <Time at={lastSignInAt} now={visit.now} />.
                </>
              ) : (
                'They have never signed in.'
              )}
            </p>
            <p class="soft">
              {verb === 'Disable'
                ? 'You can enable them again at any time.'
                : "This can't be undone. Their actions stay in the audit trail."}
            </p>
          </Confirm>
        ),
      };
    };
  }

  async function withoutFactor(visit: Visit) {
    const { id, name } = await operators.get(visit.params['id'] ?? '');
    const address = `${HOME}/operators/${id}`;
    const title = `Remove the second factor of ${name}`;
    return {
      title,
      place: 'settings',
      children: (
        <Confirm visit={visit} trail={[...TRAIL, [address, name]]} title={title} name="Remove" back={address}>
          <p>
            <b>They can then sign in with only a password or a sign-in link.</b> All of their sessions end. Make sure
            that the request comes from them.
          </p>
        </Confirm>
      ),
    };
  }

  return [
    {
      path: '/operators/:id/link',
      action: 'operators.manage',
      on: '/operators/:id',
      post: async (visit) => signInLinkPage(deps, visit, await operators.get(visit.params['id'] ?? '')),
    },
    {
      path: '/operators/:id',
      action: 'operators.manage',
      get: one,
      async post({ params, form, attribution }) {
        const role = chosen(form, 'role', OPERATOR_ROLES);
        const changes = {
          ...(touched(form, 'name') && { name: required(form, 'name') }),
          ...(touched(form, 'email') && { email: sent(form, 'email') ?? null }),
          ...(touched(form, 'role') && { role }),
        };
        const { id } = await operators.change(params['id'] ?? '', changes, attribution);
        return `${HOME}/operators/${id}`;
      },
    },
    {
      path: '/operators/:id/sessions/:sessionId/end',
      action: 'operators.manage',
      on: '/operators/:id',
      async post({ params, attribution }) {
        const id = params['id'] ?? '';
        await operators.endSession(id, params['sessionId'] ?? '', attribution);
        return `${HOME}/operators/${id}`;
      },
    },
    {
      path: '/operators/:id/second-factor/remove',
      action: 'operators.manage',
      get: withoutFactor,
      async post({ params, attribution }) {
        const id = params['id'] ?? '';
        await operators.removeSecondFactor(id, attribution);
        return `${HOME}/operators/${id}`;
      },
    },
    { path: '/operators/:id/disable', action: 'operators.manage', get: ending('Disable') },
    { path: '/operators/:id/remove', action: 'operators.manage', get: ending('Remove') },
    ...(['disable', 'enable', 'remove'] as const).map(
      (verb): Route => ({
        path: `/operators/:id/${verb}`,
        action: 'operators.manage',
        on: verb === 'enable' ? '/operators/:id' : `/operators/:id/${verb}`,
        async post({ params, attribution }) {
          const id = params['id'] ?? '';
          await operators[verb](id, attribution);
          return verb === 'remove' ? `${HOME}/operators` : `${HOME}/operators/${id}`;
        },
      }),
    ),
    {
      path: '/operators/:id/link/withdraw',
      action: 'operators.manage',
      on: '/operators/:id',
      async post({ params, attribution }) {
        const id = params['id'] ?? '';
        await operators.withdrawLink(id, attribution);
        return `${HOME}/operators/${id}`;
      },
    },
  ];
}

/** A new sign-in link, this once. */
export async function signInLinkPage(
  { operators, publicUrl, clock }: DashboardDependencies,
  visit: Visit,
  operator: Operator,
) {
  const { secret, expiresAt } = await operators.createLink(operator.id, visit.attribution);
  return {
    title: `Sign-in link for ${operator.name}`,
    place: 'settings',
    children: (
      <>
        <Head trail={[...TRAIL, [`${HOME}/operators`, 'Members']]} title={`Sign-in link for ${operator.name}`} />
        <CopyOnce title={operator.name} label="Send this only to them" value={`${publicUrl}${HOME}/enter/${secret}`}>
          It works once, in one browser, until <Time at={expiresAt} now={clock.now()} exact />. They can then set a
          password.
        </CopyOnce>
        <div class="acts">
          <Go href={`${HOME}/operators`} name="I've sent it" tone="primary" />
        </div>
      </>
    ),
  };
}
