/** One request of an operator to the dashboard. */
import type { AccessRole } from '../access.ts';
import type { Route as AnyRoute, Visit as AnyVisit } from '../pages/index.ts';

export interface Visit extends AnyVisit {
  operator: { id: string; name: string; role: AccessRole };
  sessionId: string;
}

export type Route = AnyRoute<Visit>;

export const HOME = '/dashboard';

/** The places of the navigation; the pages below one begin their trail with it. */
export const PLACES = {
  organizations: [`${HOME}/organizations`, 'Organizations'],
  clients: [`${HOME}/clients`, 'Clients'],
  notifications: [`${HOME}/notifications`, 'Notifications'],
  reports: [`${HOME}/reports`, 'Reports'],
  audit: [`${HOME}/audit`, 'Audit'],
  settings: [`${HOME}/settings`, 'Settings'],
} as const;
