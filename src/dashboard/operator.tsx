/** One member of the team: their name and role, sessions, second factor, sign-in links, and their end. */
import { hasSecondFactor, OPERATOR_ROLES, type Operator, type OperatorRole } from '../operators/index.ts';
import {
  Act,
  Ask,
  Choice,
  CopyOnce,
  changesIn,
  chosen,
  counted,
  Field,
  Form,
  Last,
  Note,
  oncePage,
  required,
  Submit,
  sentOrNone,
  Tag,
  Time,
  type Trail,
} from '../pages/index.ts';
import { ROLE_MEANINGS } from './account.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { Sessions } from './sessions.tsx';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

const BELOW: Trail = [PLACES.settings, [`${HOME}/operators`, 'Members']];

export function oneOperatorRoutes(deps: DashboardDependencies): Route[] {
  const { operators } = deps;

  async function one(visit: Visit) {
    const operator = await operators.get(visit.id);
    const { id, name, email, role, subject, disabledAt, totp, passkeys } = operator;
    if (id === visit.operator.id) return `${HOME}/account`;
    const address = `${HOME}/operators/${id}`;
    const openUntil = await operators.linkOpenUntil(id);
    return {
      title: name,
      trail: BELOW,
      acts: disabledAt ? (
        <Tag tone="bad">disabled</Tag>
      ) : (
        subject === undefined && <Act action={`${address}/link`} name="Sign-in link" />
      ),
      children: (
        <>
          {openUntil && (
            <Note acts={<Act action={`${address}/link/withdraw`} name="Withdraw" />}>
              <strong>A sign-in link has not been used yet.</strong> It expires <Time at={openUntil} />.
            </Note>
          )}
          <section class="panel">
            {subject !== undefined && (
              <p class="soft">They sign in with your OpenID provider. It updates their name and role each time.</p>
            )}
            <Form action={address} class="fields" values={{ name, email, role }}>
              <Field name="name" isRequired />
              <Field name="email" hint="If you remove it, the password is removed too." />
              <RoleChoice />
              <Submit name="Save" isMild />
            </Form>
          </section>
          <Sessions sessions={await operators.sessionsOf(id)} address={`${address}/sessions`} current={undefined} />
          {hasSecondFactor(operator) && (
            <section class="panel">
              <h2>Second factor</h2>
              <p class="soft">
                They have{' '}
                {[totp !== undefined && 'an authenticator app', passkeys?.length && counted(passkeys.length, 'passkey')]
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
            <h2>{disabledAt ? 'Enable or remove' : 'Disable or remove'}</h2>
            <p class="soft">
              Everything they created keeps working. Their actions stay in the audit trail. Identity providers aren't
              affected.
            </p>
            <div class="acts">
              {disabledAt ? (
                <Act action={`${address}/enable`} name="Enable" />
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

  function ending(verb: 'Disable' | 'Remove'): NonNullable<Route['ask']> {
    return async (visit) => {
      const { id, name, lastSignInAt } = await operators.get(visit.id);
      return {
        title: `${verb} ${name}`,
        trail: [PLACES.settings, [`${HOME}/operators/${id}`, name]],
        name: verb,
        keep: 'Not now',
        effect: `${name} will be signed out immediately and can't sign in again.`,
        more: <Last at={lastSignInAt} before="Last signed in" after="." never="They have never signed in." />,
        later:
          verb === 'Disable'
            ? 'You can enable them again at any time.'
            : "This can't be undone. Their actions stay in the audit trail.",
      };
    };
  }

  return [
    {
      path: '/operators/:id',
      action: 'operators.manage',
      get: one,
      async does({ id, form, attribution }) {
        const role = chosen(form, 'role', OPERATOR_ROLES);
        const changes = changesIn(form, { name: required, email: sentOrNone, role: () => role });
        await operators.change(id, changes, attribution);
      },
    },
    {
      path: '/operators/:id/link',
      action: 'operators.manage',
      post: async (visit) => signInLinkPage(deps, visit, await operators.get(visit.id)),
    },
    {
      path: '/operators/:id/link/withdraw',
      action: 'operators.manage',
      does: ({ id, attribution }) => operators.withdrawLink(id, attribution),
    },
    {
      path: '/operators/:id/sessions/:sessionId/end',
      action: 'operators.manage',
      does: ({ id, params, attribution }) => operators.endSession(id, params['sessionId'] ?? '', attribution),
    },
    {
      path: '/operators/:id/second-factor/remove',
      action: 'operators.manage',
      async ask(visit) {
        const { id, name } = await operators.get(visit.id);
        return {
          title: `Remove the second factor of ${name}`,
          trail: [PLACES.settings, [`${HOME}/operators/${id}`, name]],
          name: 'Remove',
          effect: 'They can then sign in with only a password or a sign-in link.',
          more: 'All of their sessions end. Make sure that the request comes from them.',
        };
      },
      does: ({ id, attribution }) => operators.removeSecondFactor(id, attribution),
    },
    {
      path: '/operators/:id/disable',
      action: 'operators.manage',
      ask: ending('Disable'),
      does: ({ id, attribution }) => operators.disable(id, attribution),
    },
    {
      path: '/operators/:id/enable',
      action: 'operators.manage',
      does: ({ id, attribution }) => operators.enable(id, attribution),
    },
    {
      path: '/operators/:id/remove',
      action: 'operators.manage',
      ask: ending('Remove'),
      async post({ id, attribution }) {
        await operators.remove(id, attribution);
        return `${HOME}/operators`;
      },
    },
  ];
}

export function RoleChoice({ value }: { value?: OperatorRole }) {
  return (
    <Choice
      name="role"
      value={value}
      options={OPERATOR_ROLES.map((role) => [role, role])}
      hint={OPERATOR_ROLES.map((role) => `${role}: ${ROLE_MEANINGS[role]}`).join('; ')}
    />
  );
}

/** A new sign-in link, this once. */
export async function signInLinkPage({ operators, publicUrl }: DashboardDependencies, visit: Visit, to: Operator) {
  const { secret, expiresAt } = await operators.createLink(to.id, visit.attribution);
  return oncePage(
    { title: `Sign-in link for ${to.name}`, trail: BELOW, done: "I've sent it", back: `${HOME}/operators` },
    <CopyOnce title={to.name} label="Send this only to them" value={`${publicUrl}${HOME}/enter/${secret}`}>
      It works once, in one browser, until <Time at={expiresAt} exact />. They can then set a password.
    </CopyOnce>,
  );
}
