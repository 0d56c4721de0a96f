/** What the demo asks of the admin API: answers as wanted, and the tables of what is known afterwards. */
import type { Answer, Api } from '../support/api.ts';
import { table } from './screen.ts';

export function expected(status: number, reply: { status: number; body: Answer }): Answer {
  if (reply.status !== status) throw new Error(`Wanted ${status}, got ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

export async function showCredentials(api: Api, directoryId: string): Promise<void> {
  const { items } = expected(200, await api.get(`/directories/${directoryId}/credentials`));
  table([
    ['ends in', 'kind', 'label', 'slot', 'state', 'accepted', 'refused', 'last used'],
    ...items.map((one: Answer) => [
      `…${one.hint}`,
      one.kind,
      one.label ?? '',
      one.state === 'active' ? one.slot : '',
      one.state,
      String(one.acceptedCount),
      String(one.refusedCount),
      one.lastUsedAt === null
        ? 'never'
        : `${clockTime(one.lastUsedAt)} from ${one.lastUsedFrom.address} by ${one.lastUsedFrom.userAgent}`,
    ]),
  ]);
}

/** What happened in an organization, all of it or from a time on. */
export async function showEvents(api: Api, organizationId: string, from?: Date): Promise<void> {
  const query = new URLSearchParams({ organizationId, ...(from && { from: from.toISOString() }) });
  const { items } = expected(200, await api.get(`/events?${query}`));
  table([
    ['time', 'event', 'who', 'what'],
    ...items.map((event: Answer) => [clockTime(event.at), event.type, event.actor.name, told(event)]),
  ]);
}

/** The part of an event that a person looks for. */
function told({ data }: Answer): string {
  const parts = [
    data.name ?? (data.hint && `${data.kind === 'oauth' ? 'connection' : 'token'} …${data.hint}`),
    data.slot && `slot ${data.slot}`,
    data.grantType,
    data.reason,
    data.count > 1 && `${data.count} times`,
    data.forced && 'forced',
  ];
  return parts.filter(Boolean).join(', ');
}

export function clockTime(iso: string): string {
  return iso.slice(11, 19);
}
