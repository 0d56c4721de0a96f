/** One request of an operator to the dashboard. */
import type { AccessRole } from '../access.ts';
import type { Route as AnyRoute, Visit as AnyVisit } from '../pages/index.ts';

export interface Visit extends AnyVisit {
  operator: { id: string; name: string; role: AccessRole };
  sessionId: string;
}

export type Route = AnyRoute<Visit>;

export const HOME = '/dashboard';
