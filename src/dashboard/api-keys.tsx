/** API keys: the list, a new one with its value in the one moment in which it is there, and a revoke. */
import { ROLES } from '../credentials/index.ts';
import {
  Ask,
  Choice,
  Confirm,
  CopyOnce,
  endOfDay,
  Field,
  Form,
  Go,
  Head,
  More,
  required,
  Submit,
  sent,
  Tag,
  Time,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;
const TRAIL: [string, string][] = [[`${HOME}/settings`, 'Settings']];

const MEANINGS = {
  owner: 'owner: everything',
  admin: 'admin: everything except API keys and members',
  viewer: 'viewer: read-only',
  introspect: 'introspect: only introspection',
} as const;

export function apiKeyRoutes({ organizations, apiKeys, usage, clock }: DashboardDependencies): Route[] {
  async function list(visit: Visit) {
    const { items, nextCursor } = await apiKeys.page({ after: visit.query.get('after') ?? undefined, limit: PAGE });
    const totals = await usage.totals(items.map(({ id }) => id));
    const now = clock.now();
    return {
      title: 'API keys',
      place: 'settings',
      children: (
        <>
          <Head trail={TRAIL} title="API keys">
            <Go href="/api/docs" name="API reference" />
          </Head>
          {visit.may('api-keys.change') && (
            <section class="panel">
              <h2>New API key</h2>
              <Form visit={visit} action={`${HOME}/api-keys`} class="fields">
                <Field name="name" isRequired hint="The person or software that uses it." />
                <Choice
                  name="role"
                  value="introspect"
                  options={ROLES.map((role) => [role, role])}
                  hint={ROLES.map((role) => MEANINGS[role]).join('; ')}
                />
                <Field name="organizationId" hint="Limits the key to one organization. Leave it empty for all." />
                <Field name="expiresOn" type="date" hint="Leave it empty to never expire." />
                <Submit name="Create API key" />
              </Form>
            </section>
          )}
          <section class="panel list">
            <ul class="rows">
              {items.map((key) => {
                const { lastUsedAt, lastUsedFrom } = totals.get(key.id) ?? {};
                const isOver = key.revokedAt !== undefined || (key.expiresAt !== undefined && key.expiresAt <= now);
                return (
                  <li>
                    <span class="what">
                      <span>
                        <b>{key.name}</b> <span class="mono">…{key.hint}</span>
                      </span>
                      <small>
                        {lastUsedAt ? (
                          <>
                            last used <Time at={lastUsedAt} now={now} /> from {lastUsedFrom?.address}
                          </>
                        ) : (
                          'never used'
                        )}
                        {key.organizationId !== undefined && `, limited to ${key.organizationId}`}
                        {key.expiresAt && !isOver && (
                          <>
                            , expires <Time at={key.expiresAt} now={now} />
                          </>
                        )}
                      </small>
                    </span>
                    <span class="acts">
                      <Tag tone={isOver ? 'bad' : undefined}>
                        {key.revokedAt
                          ? 'revoked'
                          : isOver
                            ? 'expired'
                            : key.organizationId
                              ? `${key.role}, one organization`
                              : key.role}
                      </Tag>
                      {!isOver && visit.may('api-keys.change') && (
                        <Ask href={`${HOME}/api-keys/${key.id}/revoke`} name="Revoke" />
                      )}
                    </span>
                  </li>
                );
              })}
            </ul>
          </section>
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
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
        return {
          title: 'New API key',
          place: 'settings',
          children: (
            <>
              <Head trail={[...TRAIL, [`${HOME}/api-keys`, 'API keys']]} title="New API key" />
              <CopyOnce
                title={apiKey.name}
                label={`${MEANINGS[role]}${organizationId === undefined ? '' : ', for one organization'}`}
                value={key}
              >
                Copy it now; it won't be shown again. If you lose it, create another one and revoke this one.
              </CopyOnce>
              <div class="acts">
                <Go href={`${HOME}/api-keys`} name="I've saved it" tone="primary" />
              </div>
            </>
          ),
        };
      },
    },
    {
      path: '/api-keys/:id/revoke',
      action: 'api-keys.change',
      async get(visit) {
        const key = await apiKeys.get(visit.params['id'] ?? '');
        const { lastUsedAt, lastUsedFrom } = (await usage.totals([key.id])).get(key.id) ?? {};
        return {
          title: `Revoke ${key.name}`,
          place: 'settings',
          children: (
            <Confirm
              visit={visit}
              trail={[...TRAIL, [`${HOME}/api-keys`, 'API keys']]}
              title={`Revoke ${key.name}`}
              name="Revoke"
              back={`${HOME}/api-keys`}
            >
              <p>
                <b>Requests with this key will be refused immediately.</b>{' '}
                {lastUsedAt ? (
                  <>
                    Last used <Time at={lastUsedAt} now={clock.now()} /> from {lastUsedFrom?.address}.
                  </>
                ) : (
                  'It has never been used.'
                )}
              </p>
            </Confirm>
          ),
        };
      },
    },
    {
      path: '/api-keys/:id/revoke',
      action: 'api-keys.change',
      async post({ params, attribution }) {
        await apiKeys.revoke(params['id'] ?? '', attribution);
        return `${HOME}/api-keys`;
      },
    },
  ];
}
