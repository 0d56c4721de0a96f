/**
 * Search by anything: names, keys and ids, the end of a token, a request id, where requests come from; a whole token is looked up and stands
 * in no address.
 */
import { isIP } from 'node:net';

import type { AuditEvent } from '../audit/index.ts';
import { DAY_MS, HOUR_MS } from '../clock.ts';
import { type Credential, digestsOf } from '../credentials/index.ts';
import { timeOf } from '../diagnosis/index.ts';
import type { Directory, Organization } from '../directories/index.ts';
import { inAddress } from '../http/plain-text.ts';
import { timeOfRequestId } from '../http/request-context.ts';
import type { Client } from '../oauth/index.ts';
import { EventList, holdersOf, List, Listed, Row, sent, Time } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

interface Hit {
  path: string;
  name: string;
  what: string;
}

/** Where each kind of thing is, and what is said of it. */
const hitOf = {
  organization: ({ id, name }: Organization): Hit => ({ path: `organizations/${id}`, name, what: 'organization' }),
  directory: ({ id, name, endpointKey }: Directory): Hit => ({
    path: `directories/${id}`,
    name,
    what: `directory, endpoint key ${endpointKey}`,
  }),
  client: ({ id, name }: Client): Hit => ({ path: `clients/${id}`, name, what: `client ${id}` }),
  credential: (credential: Credential): Hit => ({
    path: pathOf(credential),
    name: credential.label ?? `…${credential.hint}`,
    what: `credential …${credential.hint}, ${credential.state}`,
  }),
};

/** One that has ended is in the audit trail, and no longer on the page of its directory. */
function pathOf({ id, directoryId, state }: Credential): string {
  return state === 'revoked' || state === 'expired' ? `audit?credentialId=${id}` : `directories/${directoryId}`;
}

const SHOWN = 20;
/** Refusals of the same kind are counted together for an hour, and keep the id of the latest one. */
const TOGETHER_MS = HOUR_MS;
const REFUSALS_LOOKED_AT = 200;
const REFUSALS = ['request.denied', 'token.refused'];
/** Events that keep where a request came from. An address is no key of theirs, so a bounded number of the latest is looked through. */
const WITH_ADDRESS = [...REFUSALS, 'token.issued', 'connection.requested'];
const ADDRESSES_LOOKED_AT = 500;
const ADDRESSES_SINCE_MS = 7 * DAY_MS;

export function searchRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, credentials, clients, audit, publicUrl } = deps;
  async function byName(name: string): Promise<Hit[]> {
    const query = { name, limit: SHOWN + 1 };
    const [named, holding, known] = await Promise.all([
      organizations.page(query),
      directories.page(query),
      clients.page(query),
    ]);
    return [
      ...named.items.map(hitOf.organization),
      ...holding.items.map(hitOf.directory),
      ...known.items.map(hitOf.client),
    ];
  }

  async function exactly(text: string): Promise<Hit[]> {
    const key = text.startsWith(`${publicUrl}/scim/v2/`) ? (text.slice(publicUrl.length).split('/')[3] ?? '') : text;
    const [organization, external, directory, credential, client, hinted, events] = await Promise.all([
      organizations.find(text),
      organizations.page({ externalId: text, limit: 1 }),
      directories.findByReference(key),
      credentials.find(text),
      clients.find(text),
      credentials.withHint(text.replace(/^…|^\.\.\./, ''), SHOWN),
      audit.page({ where: { requestId: text }, limit: 1 }),
    ]);
    return [
      ...[...(organization ? [organization] : []), ...external.items].map(hitOf.organization),
      ...(directory ? [hitOf.directory(directory)] : []),
      ...(client ? [hitOf.client(client)] : []),
      ...[...(credential ? [credential] : []), ...hinted].map(hitOf.credential),
      ...(events.items.length > 0
        ? [{ path: `audit?requestId=${encodeURIComponent(text)}`, name: text, what: 'request, in the audit trail' }]
        : []),
    ];
  }

  /** What was refused when a request id was given out; undefined for what is no id of ours. */
  async function refusedAt(text: string): Promise<{ at: Date; events: AuditEvent[] } | undefined> {
    const at = timeOfRequestId(text);
    if (!at) return undefined;
    const [from, to] = [new Date(at.getTime() - TOGETHER_MS), new Date(at.getTime() + 1000)];
    const { items } = await audit.page({ where: { type: REFUSALS }, from, to, limit: REFUSALS_LOOKED_AT });
    return { at, events: items.filter((event) => timeOf(event) >= at) };
  }

  /** The directories to which requests came from an address lately, the latest first. */
  async function requestsFrom(address: string, now: Date) {
    const from = new Date(now.getTime() - ADDRESSES_SINCE_MS);
    const { items, nextCursor } = await audit.page({
      where: { type: WITH_ADDRESS },
      from,
      limit: ADDRESSES_LOOKED_AT,
    });
    const latest = new Map<string, AuditEvent>();
    for (const event of items) {
      if (event.address !== address || event.directoryId === undefined) continue;
      const known = latest.get(event.directoryId);
      if (!known || timeOf(event) > timeOf(known)) latest.set(event.directoryId, event);
    }
    const found = await Promise.all(
      [...latest.values()].slice(0, SHOWN).map(async (event) => {
        const directory = await directories.find(event.directoryId ?? '');
        return directory ? [{ directory, event }] : [];
      }),
    );
    const oldest = items.at(-1);
    return { found: found.flat(), since: nextCursor !== null && oldest ? timeOf(oldest) : from };
  }

  async function addressPage(address: string, now: Date) {
    const { found, since } = await requestsFrom(address, now);
    return {
      title: `Search: ${address}`,
      heading: found.length === 0 ? `No refusals or token requests from ${address}` : `Requests from ${address}`,
      trail: [],
      children: (
        <>
          {found.length > 0 && (
            <List
              of={found}
              row={({ directory, event }) => (
                <Row
                  href={`${HOME}/directories/${directory.id}`}
                  name={<b>{directory.name}</b>}
                  text={
                    <>
                      {REFUSALS.includes(event.type) ? 'Last refused' : 'Last asked for a token'}{' '}
                      <Time at={timeOf(event)} />
                    </>
                  }
                />
              )}
            />
          )}
          <p class="soft">
            We searched refusals and token requests since <Time at={since} />. Accepted requests can’t be searched by
            address. The cards and the request log of a directory show where they come from.
          </p>
        </>
      ),
    };
  }

  async function search(visit: Visit) {
    const text = sent(visit.query, 'q');
    if (text === undefined) return `${HOME}/organizations`;
    if (isIP(text) !== 0) return addressPage(text, visit.now);
    const hits = [...(await exactly(text)), ...(await byName(text))];
    const found = hits.filter(({ path }, index) => hits.findIndex((other) => other.path === path) === index);
    const [first] = found;
    if (first && found.length === 1) return `${HOME}/${first.path}`;
    const request = first ? undefined : await refusedAt(text);
    if (request) return requestPage(text, request.events, await holdersOf(request.events, directories.find));
    return {
      title: `Search: ${text}`,
      heading: found.length === 0 ? `No results for ${text}` : `Search: ${text}`,
      trail: [],
      children:
        found.length === 0 ? (
          <p class="soft">
            You can search for names of organizations, directories and clients, endpoint keys and URLs, client IDs and
            request IDs. You can also search for a token, its last four characters, or an IP address.
          </p>
        ) : (
          <>
            <List
              of={found.slice(0, SHOWN)}
              row={({ path, name, what }) => <Row href={`${HOME}/${path}`} name={<b>{name}</b>} text={what} />}
            />
            {found.length > SHOWN && <p class="soft">There are more results. Type more of the name to see them.</p>}
          </>
        ),
    };
  }

  function requestPage(id: string, events: AuditEvent[], nameOf: (event: AuditEvent) => string | undefined) {
    return {
      title: 'A request',
      trail: [],
      children: (
        <>
          <p>
            <span class="mono">{id}</span> has no event of its own. Refusals of the same kind are counted together,
            under the ID of the latest one.
          </p>
          {events.length > 0 ? (
            <EventList title="Refusals at that time" of={events} nameOf={nameOf} />
          ) : (
            <>
              <Listed title="Nothing was refused at that time" />
              <p class="soft">The request was accepted, or is older than our records.</p>
            </>
          )}
        </>
      ),
    };
  }

  return [
    {
      // A token that is pasted here must stand in no address.
      path: '/search',
      action: 'organizations.read',
      get: search,
      async post({ form }) {
        const text = sent(form, 'q', 4096) ?? '';
        for (const digest of digestsOf(text)) {
          const known = await credentials.findByDigest(digest);
          if (known) return `${HOME}/${pathOf(known)}`;
        }
        const isToken = /^(?:scim|lk)\w{0,4}_\S{16,}$/.test(text);
        return `${HOME}/search?q=${isToken ? `${encodeURIComponent('…')}${text.slice(-4)}` : inAddress(text, 200)}`;
      },
    },
  ];
}
