/** HTML for operators, under /dashboard: organizations, directories with their two slots, clients, audit, settings. */
import type { Middleware } from 'koa';
import { mayRole } from '../access.ts';
import { UNNAMED_CONTACT } from '../one-time-links/index.ts';
import {
  contactRoutes,
  createPipeline,
  credentialRoutes,
  diagnosisRoutes,
  type Face,
  importRoutes,
  requestLogRoutes,
  setupRoutes,
  vendorOf,
  whyRoutes,
} from '../pages/index.ts';
import { accountRoutes } from './account.tsx';
import { apiKeyRoutes } from './api-keys.tsx';
import { auditRoutes } from './audit.tsx';
import { campaignRoutes } from './campaigns.tsx';
import { clientRoutes } from './clients.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { directoryRoutes } from './directories.tsx';
import { evidenceRoutes } from './evidence-packet.tsx';
import { findingRoutes } from './findings.tsx';
import { notificationRoutes } from './notifications.tsx';
import { createOpenId } from './openid.ts';
import { operatorRoutes } from './operators.tsx';
import { organizationRoutes } from './organization.tsx';
import { organizationListRoutes } from './organizations.tsx';
import { reportRoutes } from './reports.tsx';
import { searchRoutes } from './search.tsx';
import { settingsRoutes } from './settings.tsx';
import { SESSION_COOKIE, signInPages, turnAway } from './sign-in.tsx';
import { HOME, PLACES, type Visit } from './visit.ts';

export type { DashboardDependencies } from './dependencies.ts';

export function createDashboard(deps: DashboardDependencies): Middleware {
  const { config, publicUrl, operators } = deps;
  const openId = createOpenId(config, `${publicUrl}${HOME}/sign-in/openid/callback`);
  const face: Face<Visit> = {
    home: HOME,
    places: [HOME],
    open: signInPages({ ...deps, openId }),
    routes: [
      { path: '', action: 'organizations.read', get: async () => `${HOME}/organizations` },
      ...organizationListRoutes(deps),
      ...organizationRoutes(deps),
      ...findingRoutes(deps),
      ...directoryRoutes(deps),
      ...diagnosisRoutes({ ...deps, vendor: vendorOf({ name: deps.config.LATCHKEY_BRAND_NAME }) }),
      ...requestLogRoutes(deps),
      ...credentialRoutes(deps),
      ...importRoutes(deps),
      ...setupRoutes(deps),
      ...clientRoutes(deps),
      ...notificationRoutes(deps),
      ...contactRoutes<Visit>({
        notifications: deps.notifications,
        path: '/organizations/:id/contacts',
        async organizationOf({ params }) {
          const { id, name } = await deps.organizations.get(params['id'] ?? '');
          return {
            id,
            name,
            trail: [PLACES.organizations, [`${HOME}/organizations/${id}`, name]],
          };
        },
      }),
      ...reportRoutes(deps),
      ...evidenceRoutes(deps),
      ...campaignRoutes(deps),
      ...auditRoutes(deps),
      ...settingsRoutes(deps),
      ...apiKeyRoutes(deps),
      ...operatorRoutes(deps),
      ...accountRoutes(deps),
      ...searchRoutes(deps),
      ...whyRoutes<Visit>(deps),
    ],

    async findVisit(guest, frame) {
      const session = guest.cookies.get(SESSION_COOKIE);
      const found = session === undefined ? undefined : await operators.findSession(session, !guest.query.has('part'));
      if (!found) return undefined;
      const { operator, sessionId, formToken } = found;
      const { id, name, role } = operator;
      return {
        ...guest,
        ...frame,
        operator: { id, name, role },
        sessionId,
        formToken,
        role,
        may: (action) => mayRole(role, action),
        trail: [PLACES.organizations],
        reader: { audience: 'operator', vendor: '', person: name },
        // Operators see all organizations.
        assertSees: () => undefined,
        auditPath: `${HOME}/audit`,
        clientsPath: `${HOME}/clients`,
        nameOf(actor, address) {
          const isNamed = actor.type === 'it_contact' && actor.name !== UNNAMED_CONTACT;
          const name = isNamed ? `${actor.name} (IT contact)` : actor.name;
          return address === undefined ? name : `${name}, ${address}`;
        },
        attribution: {
          actor: { type: 'operator', id, name },
          source: 'dashboard',
          address: guest.origin.address,
          requestId: guest.origin.requestId,
        },
      };
    },

    turnAway,

    frame({ trail }, visit) {
      if (!visit) return {};
      return {
        aside: (
          <a href={`${HOME}/account`} title="Your account">
            {visit.operator.name}
          </a>
        ),
        navigation: {
          items: Object.values(PLACES),
          current: trail && (trail[0]?.[0] ?? visit.path),
          search: `${HOME}/search`,
          formToken: visit.formToken,
        },
      };
    },
  };
  return createPipeline(face, deps);
}
