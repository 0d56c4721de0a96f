/** API keys: the list, a new one with its value in the one moment in which it is there, and a revoke. */
import { type ApiKey, ROLES } from '../credentials/index.ts';
import {
  Ask,
  Choice,
  CopyOnce,
  endOfDay,
  Field,
  FormPanel,
  Go,
  Last,
  List,
  oncePage,
  Row,
  required,
  sent,
  Tag,
  type Trail,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

const KEYS = `${HOME}/api-keys`;
const BELOW: Trail = [PLACES.settings, [KEYS, 'API keys']];

const MEANINGS = {
  owner: 'owner: everything',
  admin: 'admin: everything except API keys and members',
  viewer: 'viewer: read-only',
  introspect: 'introspect: introspection only',
} as const;

export function apiKeyRoutes({ organizations, apiKeys, usage }: DashboardDependencies): Route[] {
  async function list({ paging, now, may }: Visit) {
    const page = await apiKeys.page(paging);
    const totals = await usage.totals(page.items.map(({ id }) => id));
    return {
      title: 'API keys',
      trail: [PLACES.settings],
      acts: <Go href="/api/docs" name="API reference" />,
      children: (
        <>
          {may('api-keys.change') && (
            <FormPanel title="New API key" action={KEYS} submit="Create API key">
              <Field name="name" isRequired hint="The person or software that uses it." />
              <Choice
                name="role"
                value="introspect"
                options={ROLES.map((role) => [role, role])}
                hint={ROLES.map((role) => MEANINGS[role]).join('; ')}
              />
              <Field name="organizationId" hint="Limits the key to one organization. Leave it empty for all." />
              <Field name="expiresOn" type="date" hint="Leave it empty for a key that never expires." />
            </FormPanel>
          )}
          <List of={page} none="No API keys." row={row} />
        </>
      ),
    };

    function row(key: ApiKey) {
      const { id, name, hint, organizationId, expiresAt } = key;
      const { lastUsedAt, lastUsedFrom } = totals.get(id) ?? {};
      const state = stateOf(key, now);
      return (
        <Row
          name={<b>{name}</b>}
          marks={<span class="mono">…{hint}</span>}
          text={
            <>
              <Last at={lastUsedAt} before="last used" from={lastUsedFrom?.address} never="never used" />
              {organizationId !== undefined && `, limited to ${organizationId}`}
              {!state && <Last at={expiresAt} before=", expires" />}
            </>
          }
        >
          <span class="acts">
            <Tag tone={state === undefined ? undefined : 'bad'}>
              {state ?? (organizationId ? `${key.role}, one organization` : key.role)}
            </Tag>
            {!state && may('api-keys.change') && <Ask href={`${KEYS}/${id}/revoke`} name="Revoke" />}
          </span>
        </Row>
      );
    }
  }

  return [
    { path: '/api-keys', action: 'api-keys.read', get: list },
    {
      path: '/api-keys',
      action: 'api-keys.change',
      async post({ form, attribution }) {
        const role = ROLES.find((known) => known === form.get('role')) ?? 'introspect';
        const organizationId = sent(form, 'organizationId');
        if (organizationId !== undefined) await organizations.get(organizationId);
        const input = { name: required(form, 'name'), role, organizationId, expiresAt: endOfDay(form, 'expiresOn') };
        const { apiKey, key } = await apiKeys.create(input, attribution);
        return oncePage(
          { title: 'New API key', trail: BELOW, done: "I've saved it", back: KEYS },
          <CopyOnce
            title={apiKey.name}
            label={`${MEANINGS[role]}${organizationId === undefined ? '' : ', for one organization'}`}
            value={key}
          >
            Copy it now; it won't be shown again. If you lose it, create another one and revoke this one.
          </CopyOnce>,
        );
      },
    },
    {
      path: '/api-keys/:id/revoke',
      action: 'api-keys.change',
      async ask(visit) {
        const { id, name } = await apiKeys.get(visit.id);
        const { lastUsedAt, lastUsedFrom } = (await usage.totals([id])).get(id) ?? {};
        return {
          title: `Revoke ${name}`,
          trail: BELOW,
          name: 'Revoke',
          effect: 'Requests with this key will be refused immediately.',
          more: (
            <Last
              at={lastUsedAt}
              before="Last used"
              from={lastUsedFrom?.address}
              after="."
              never="It has never been used."
            />
          ),
        };
      },
      does: ({ id, attribution }) => apiKeys.revoke(id, attribution),
    },
  ];
}

/** What keeps a key from being used; undefined while nothing does. */
function stateOf({ revokedAt, expiresAt }: ApiKey, now: Date): string | undefined {
  if (revokedAt) return 'revoked';
  return expiresAt !== undefined && expiresAt <= now ? 'expired' : undefined;
}
