/**
 * Where an event is found by whoever explains a directory: a directory has a hundred thousand refusals and three changes, and each kind must
 * be read without a look at the others. One more key of the events, made of what they say.
 */
import type { EventType, Subject } from './events.ts';

export const PLACES = ['trouble', 'token', 'connecting', 'switch', 'change', 'entered', 'finding', 'checked'] as const;
export type Place = (typeof PLACES)[number];

export const placeShape = { 'place?': 'string' } as const;

const OF_TYPE: Partial<Record<EventType, Place>> = {
  'request.denied': 'trouble',
  'request.unreadable': 'trouble',
  'upstream.failed': 'trouble',
  'token.refused': 'trouble',
  'connection.refused': 'trouble',
  'token.issued': 'token',
  'connection.requested': 'connecting',
  'connection.consented': 'connecting',
  'directory.disabled': 'switch',
  'credential.disabled': 'switch',
  'credential.imported': 'switch',
  'portal_link.used': 'entered',
  'contact.confirmed': 'entered',
  'token.checked': 'checked',
  'finding.began': 'finding',
  'finding.changed': 'finding',
  'finding.healed': 'finding',
};

export function placeIn(subjectId: string, place: Place): string {
  return `${subjectId}:${place}`;
}

export function isOfPlace({ type }: { type: EventType }, place: Place): boolean {
  return OF_TYPE[type] === place;
}

/** What is written with an event: of a directory, or of an organization. */
export function placeOf({ type, directoryId, organizationId }: Subject & { type: EventType }): { place?: string } {
  const subjectId = directoryId ?? organizationId;
  return subjectId === undefined ? {} : { place: placeIn(subjectId, OF_TYPE[type] ?? 'change') };
}
