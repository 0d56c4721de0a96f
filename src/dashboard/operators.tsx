/** The members of the team: the list, and a new one with their sign-in link. */
import { hasSecondFactor, OPERATOR_ROLES } from '../operators/index.ts';
import { Field, FormPanel, Last, List, Row, required, sent, Tag } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { oneOperatorRoutes, RoleChoice, signInLinkPage } from './operator.tsx';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

export function operatorRoutes(deps: DashboardDependencies): Route[] {
  const { operators } = deps;

  async function list({ paging, operator: { id: myId } }: Visit) {
    return {
      title: 'Members',
      trail: [PLACES.settings],
      children: (
        <>
          <FormPanel title="New member" action={`${HOME}/operators`} submit="Add member">
            <Field name="name" isRequired />
            <Field name="email" hint="Used to sign in once they have set a password." />
            <RoleChoice value="viewer" />
          </FormPanel>
          <List
            of={await operators.page(paging)}
            none="No members."
            row={(operator) => (
              <Row
                href={operator.id === myId ? `${HOME}/account` : `${HOME}/operators/${operator.id}`}
                name={<b>{operator.name}</b>}
                marks={
                  <>
                    {operator.id === myId && <Tag>you</Tag>} {operator.disabledAt && <Tag tone="bad">disabled</Tag>}
                  </>
                }
                text={
                  <>
                    {operator.email ?? 'no email'}, {operator.role},{' '}
                    {hasSecondFactor(operator) ? 'has a second factor' : 'no second factor'},{' '}
                    <Last at={operator.lastSignInAt} before="signed in" never="never signed in" />
                  </>
                }
              />
            )}
          />
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
