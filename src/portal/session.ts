/** The browser that a portal link let in. */
import { hash } from 'node:crypto';
import type { Organization, Organizations } from '../directories/index.ts';
import type { PortalLink, PortalLinks } from '../one-time-links/index.ts';
import type { Visit as AnyVisit, Guest } from '../pages/index.ts';

export interface Session {
  link: PortalLink;
  organization: Organization;
  /** What its forms bear. */
  formToken: string;
}

export interface Visit extends AnyVisit {
  link: PortalLink;
  organization: Organization;
}

export interface SessionDependencies {
  links: PortalLinks;
  organizations: Organizations;
}

export const HOME = '/portal';
export const SESSION_COOKIE = 'portal';
/** The request to connect that goes on once a link was opened in this browser. */
export const PENDING_COOKIE = 'pending';

export async function findSession(
  { links, organizations }: SessionDependencies,
  { cookies, query }: Pick<Guest, 'cookies' | 'query'>,
): Promise<Session | undefined> {
  const value = cookies.get(SESSION_COOKIE);
  const link = value === undefined ? undefined : await links.findSession(value, !query.has('part'));
  // A session ends with its organization.
  const organization = link && (await organizations.find(link.organizationId));
  return organization && { link, organization, formToken: hash('sha256', `form ${value}`, 'hex') };
}
