import { z } from 'zod';
import { hasSecondFactor, OPERATOR_ROLES, type Operator, type Operators } from '../operators/index.ts';
import { type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Operators';

const email = schemas.line.max(254).describe('Used to sign in once they have set a password.');
const role = z
  .enum(OPERATOR_ROLES)
  .describe('owner: everything. admin: everything except API keys and members. viewer: read-only.');

const operatorView = z
  .object({
    id: z.string(),
    name: z.string(),
    email: z.string().nullable(),
    role,
    state: z.enum(['active', 'disabled']),
    signsInBy: z.enum(['link', 'password', 'openid']).describe('`link`: no password is set yet.'),
    hasSecondFactor: z.boolean(),
    createdAt: schemas.shownTime,
    lastSignInAt: schemas.shownTime.nullable(),
  })
  .meta({ id: 'Operator' });

const linkView = z.object({
  url: z.string().optional().describe('Signs in one browser, once. Shown only once. Earlier links are withdrawn.'),
  expiresAt: schemas.shownTime,
});

/** Who may sign in to the dashboard. They see all organizations, so a key that is limited to one cannot ask here. */
export function operatorOperations(deps: { operators: Operators; publicUrl: string }): Operation[] {
  const { operators, publicUrl } = deps;

  function view(operator: Operator) {
    const { id, name, email: address, role: held, ...rest } = operator;
    return {
      id,
      name,
      email: address ?? null,
      role: held,
      state: rest.disabledAt ? 'disabled' : 'active',
      signsInBy: rest.subject !== undefined ? 'openid' : rest.passwordHash !== undefined ? 'password' : 'link',
      hasSecondFactor: hasSecondFactor(operator),
      createdAt: rest.createdAt,
      lastSignInAt: rest.lastSignInAt ?? null,
    };
  }

  const urlOf = (secret: string) => `${publicUrl}/dashboard/enter/${secret}`;

  return [
    operation({
      method: 'post',
      path: '/operators',
      tag,
      summary: 'Create a member and a sign-in link',
      action: 'operators.manage',
      body: z.strictObject({ name: schemas.name, email: email.optional(), role }),
      status: 201,
      answer: z.object({ operator: operatorView, ...linkView.shape }),
      errors: ['email_taken'],
      async handle({ body, attribution }) {
        const operator = await operators.create(body, attribution);
        const { secret, expiresAt } = await operators.createLink(operator.id, attribution);
        return { body: { operator: view(operator), expiresAt }, secret: { url: urlOf(secret) } };
      },
    }),
    operation({
      method: 'get',
      path: '/operators',
      tag,
      summary: 'List members, newest first',
      action: 'operators.manage',
      query: z.strictObject({ ...schemas.paging }),
      status: 200,
      answer: schemas.listOf(operatorView),
      errors: ['invalid_cursor'],
      async handle({ query }) {
        const { items, nextCursor } = await operators.page(query);
        return { body: { items: items.map(view), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/operators/:id',
      tag,
      summary: 'Read a member',
      action: 'operators.manage',
      status: 200,
      answer: operatorView,
      errors: ['not_found'],
      async handle({ id }) {
        return { body: view(await operators.get(id)) };
      },
    }),
    operation({
      method: 'patch',
      path: '/operators/:id',
      tag,
      summary: 'Change a member',
      action: 'operators.manage',
      body: z.strictObject({
        name: schemas.name.optional(),
        email: email.nullable().optional().describe('null removes it, and the password too.'),
        role: role.optional(),
      }),
      status: 200,
      answer: operatorView,
      errors: ['not_found', 'email_taken', 'last_owner'],
      async handle({ id, body, attribution }) {
        return { body: view(await operators.change(id, body, attribution)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/operators/:id',
      tag,
      summary: 'Remove a member. Their actions are kept in the audit trail',
      action: 'operators.manage',
      status: 204,
      errors: ['not_found', 'last_owner'],
      async handle({ id, attribution }) {
        await operators.remove(id, attribution);
        return {};
      },
    }),
    operation({
      method: 'post',
      path: '/operators/:id/sign-in-links',
      tag,
      summary: 'Create a sign-in link for a member',
      action: 'operators.manage',
      status: 201,
      answer: linkView,
      errors: ['not_found'],
      async handle({ id, attribution }) {
        const { secret, expiresAt } = await operators.createLink(id, attribution);
        return { body: { expiresAt }, secret: { url: urlOf(secret) } };
      },
    }),
    ...(['disable', 'enable'] as const).map((verb) =>
      operation({
        method: 'post',
        path: `/operators/:id/${verb}`,
        tag,
        summary: verb === 'disable' ? 'Disable a member and sign them out' : 'Enable a member',
        action: 'operators.manage',
        status: 200,
        answer: operatorView,
        errors: verb === 'disable' ? ['not_found', 'last_owner'] : ['not_found'],
        async handle({ id, attribution }) {
          return { body: view(await operators[verb](id, attribution)) };
        },
      }),
    ),
  ];
}
