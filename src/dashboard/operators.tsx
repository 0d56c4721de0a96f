/** The members of the team: the list, and a new one with their sign-in link. */
import { hasSecondFactor, OPERATOR_ROLES } from '../operators/index.ts';
import { Choice, Field, Form, Head, More, required, Submit, sent, Tag, Time } from '../pages/index.ts';
import { ROLE_MEANINGS } from './account.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { oneOperatorRoutes, signInLinkPage } from './operator.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;
const TRAIL: [string, string][] = [[`${HOME}/settings`, 'Settings']];
const mine = `${HOME}/account`;

export function operatorRoutes(deps: DashboardDependencies): Route[] {
  const { operators, clock } = deps;

  async function list(visit: Visit) {
    const { items, nextCursor } = await operators.page({ after: visit.query.get('after') ?? undefined, limit: PAGE });
    const now = clock.now();
    return {
      title: 'Members',
      place: 'settings',
      children: (
        <>
          <Head trail={TRAIL} title="Members" />
          <section class="panel">
            <h2>New member</h2>
            <Form visit={visit} action={`${HOME}/operators`} class="fields">
              <Field name="name" isRequired />
              <Field name="email" hint="Used to sign in once they have set a password." />
              <Choice
                name="role"
                value="viewer"
                options={OPERATOR_ROLES.map((role) => [role, role])}
                hint={OPERATOR_ROLES.map((role) => `${role}: ${ROLE_MEANINGS[role]}`).join('; ')}
              />
              <Submit name="Add member" />
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
                      {operator.email ?? 'no email'}, {operator.role},{' '}
                      {hasSecondFactor(operator) ? 'has a second factor' : 'no second factor'},{' '}
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

  return [
    ...oneOperatorRoutes(deps),
    {
      path: '/operators',
      action: 'operators.manage',
      get: list,
      async post(visit) {
        const role = OPERATOR_ROLES.find((known) => known === visit.form.get('role')) ?? 'viewer';
        const operator = await operators.create(
          { name: required(visit.form, 'name'), email: sent(visit.form, 'email'), role },
          visit.attribution,
        );
        return signInLinkPage(deps, visit, operator);
      },
    },
  ];
}
