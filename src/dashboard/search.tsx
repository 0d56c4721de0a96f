import { Head, sent } from '../guidance/index.ts';
import { createTurns } from '../turns.ts';
import type { DashboardDependencies } from './index.tsx';
import { HOME, READERS, type Route, type Visit } from './visit.tsx';

interface Hit {
  path: string;
  name: string;
  what: string;
}

const SHOWN = 20;
/** Names are looked through in pages; what is asked for by an exact value is found at once. */
const PAGE = 500;
const LOOKED_THROUGH = 20_000;

export function searchRoutes({
  organizations,
  directories,
  credentials,
  clients,
  audit,
}: DashboardDependencies): Route[] {
  const inTurn = createTurns();

  /** One at a time: it reads much, and requests that are verified meanwhile come first. */
  function byName(text: string): Promise<Hit[]> {
    return inTurn('names', () => lookThrough(text));
  }

  async function lookThrough(text: string): Promise<Hit[]> {
    const wanted = text.toLowerCase();
    const hits: Hit[] = [];
    let after: string | undefined;
    for (let looked = 0; looked < LOOKED_THROUGH && hits.length < SHOWN; looked += PAGE) {
      const { items, nextCursor } = await organizations.page({ after, limit: PAGE });
      for (const { id, name, externalId } of items) {
        if (name.toLowerCase().includes(wanted) || externalId === text) {
          hits.push({ path: `organizations/${id}`, name, what: 'organization' });
        }
      }
      if (nextCursor === null) break;
      after = nextCursor;
    }
    return hits.slice(0, SHOWN);
  }

  async function exactly(text: string): Promise<Hit[]> {
    const [organization, directory, credential, client, hinted, events] = await Promise.all([
      organizations.find(text),
      directories.findByReference(text),
      credentials.find(text),
      clients.find(text),
      credentials.withHint(text.replace(/^…|^\.\.\./, ''), SHOWN),
      audit.page({ where: { requestId: text }, limit: 1 }),
    ]);
    return [
      ...(organization
        ? [{ path: `organizations/${organization.id}`, name: organization.name, what: 'organization' }]
        : []),
      ...(directory
        ? [
            {
              path: `directories/${directory.id}`,
              name: directory.name,
              what: `directory, endpoint key ${directory.endpointKey}`,
            },
          ]
        : []),
      ...(client ? [{ path: `clients/${client.id}`, name: client.name, what: `client ${client.id}` }] : []),
      ...[...(credential ? [credential] : []), ...hinted].map(({ directoryId, label, hint, state, id }) => ({
        path: state === 'revoked' || state === 'expired' ? `audit?credentialId=${id}` : `directories/${directoryId}`,
        name: label ?? `…${hint}`,
        what: `credential …${hint}, ${state}`,
      })),
      ...(events.items.length > 0
        ? [{ path: `audit?requestId=${encodeURIComponent(text)}`, name: text, what: 'request, in the audit trail' }]
        : []),
    ];
  }

  async function search({ query }: Visit) {
    const text = sent(query, 'q');
    if (text === undefined) return `${HOME}/organizations`;
    const hits = [...(await exactly(text)), ...(await byName(text))];
    const [first] = hits;
    const found = hits.filter(({ path }, index) => hits.findIndex((other) => other.path === path) === index);
    if (first && found.length === 1) return `${HOME}/${first.path}`;
    return {
      title: `Search: ${text}`,
      children: (
        <>
          <Head title={found.length === 0 ? `Nothing is called ${text}` : `Search: ${text}`} />
          {found.length === 0 ? (
            <p class="soft">
              Look for the name of an organization, an endpoint key, the last four characters of a token, a client id,
              or a request id.
            </p>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {found.map(({ path, name, what }) => (
                  <li>
                    <span class="what">
                      <a href={`${HOME}/${path}`}>
                        <b>{name}</b>
                      </a>
                      <small>{what}</small>
                    </span>
                  </li>
                ))}
              </ul>
            </section>
          )}
        </>
      ),
    };
  }

  return [{ method: 'get', path: '/search', roles: READERS, handle: search }];
}
