/** HTML for IT contacts: entering by a portal link, their directories, and the consent to a connection that their identity provider asked for. */
import type { Middleware } from 'koa';
import { mayRole } from '../access.ts';
import type { Actor } from '../audit/index.ts';
import type { Check } from '../diagnosis/index.ts';
import { AppError } from '../errors.ts';
import type { Notifications } from '../notifications/index.ts';
import { type PortalLink, personOf } from '../one-time-links/index.ts';
import {
  type Brand,
  contactRoutes,
  createPipeline,
  credentialRoutes,
  diagnosisRoutes,
  type Face,
  type Guest,
  messagePage,
  type PipelineDependencies,
  requestLogRoutes,
  type SeenDependencies,
  type Shown,
  setupRoutes,
  vendorOf,
  whyPage,
  whyRoutes,
} from '../pages/index.ts';
import { type ConsentDependencies, consentPages } from './consent.tsx';
import { contactPages } from './contact.tsx';
import { directoryRoutes } from './directories.tsx';
import { entryPages } from './entry.tsx';
import { homeRoutes } from './home.tsx';
import { findSession, HOME, SESSION_COOKIE, type SessionDependencies, type Visit } from './session.ts';

export { renderAuthorizationError } from './authorization-error.tsx';

export interface PortalDependencies
  extends PipelineDependencies,
    SessionDependencies,
    SeenDependencies,
    Omit<ConsentDependencies, 'vendor'> {
  brand: Brand;
  notifications: Notifications;
  check: Check;
}

export function createPortal(deps: PortalDependencies): Middleware {
  const { brand } = deps;
  const vendor = vendorOf(brand);
  const face: Face<Visit> = {
    home: HOME,
    places: [HOME, '/connect', '/why'],
    isOpenedByOthers: true,
    open: [
      ...entryPages({ ...deps, vendor }),
      ...consentPages({ ...deps, vendor }),
      whyPage,
      ...contactPages({ ...deps, vendor }),
    ],
    routes: [
      ...homeRoutes({ ...deps, vendor }),
      ...contactRoutes<Visit>({
        notifications: deps.notifications,
        path: '/contacts',
        organizationOf: async ({ organization: { id, name } }) => ({ id, name, trail: [[HOME, 'Your directories']] }),
      }),
      ...directoryRoutes(deps),
      ...diagnosisRoutes({ ...deps, vendor }),
      ...requestLogRoutes(deps),
      ...credentialRoutes(deps),
      ...setupRoutes(deps),
      ...whyRoutes(deps),
    ],

    async findVisit(guest, frame) {
      const session = await findSession(deps, guest);
      if (!session) return undefined;
      const { link, organization, formToken } = session;
      const { address, requestId } = guest.origin;
      const person = personOf(link);
      return {
        ...guest,
        ...frame,
        link,
        organization,
        formToken,
        role: 'it_contact',
        may: (action) => mayRole('it_contact', action),
        trail: [[HOME, 'Your directories']],
        reader: { audience: 'it_contact', vendor, person: person.name },
        organizationId: link.organizationId,
        attribution: { actor: person, source: 'portal', address, requestId },
        nameOf: (actor, from) => nameInPortal(actor, from, link, vendor),
        assertSees(organizationId) {
          if (organizationId !== link.organizationId) throw new AppError('not_found');
        },
      };
    },

    hidesAbsent: true,
    turnAway: (guest) => turnAway(guest, vendor),
    frame: ({ aside }, visit) => ({ brand, aside: visit?.organization.name ?? aside }),
  };
  return createPipeline(face, deps);
}

function turnAway({ cookies }: Guest, vendor: string): Shown {
  const message =
    cookies.get(SESSION_COOKIE) === undefined
      ? { title: 'Open your portal link first.', text: `To get one, ask ${vendor}.` }
      : {
          title: 'Your session has ended.',
          text: `A session lasts eight hours at most. It also ends after a while without activity, or when its link is withdrawn. Ask ${vendor} for a new link. Your connections keep working.`,
        };
  return messagePage(message, { status: 401, isNarrow: true });
}

/** Someone who acts for the vendor is named as such, with their name if it is a person. Their address is not told. */
function nameInPortal(actor: Actor, address: string | undefined, link: PortalLink, vendor: string): string {
  if (actor.type === 'operator') return `${actor.name} (${vendor})`;
  if (actor.type === 'system') return 'Latchkey';
  if (actor.type === 'api_key') return vendor;
  if (actor.type === 'anonymous') return address === undefined ? 'someone' : `someone, ${address}`;
  const whose = actor.id === link.id ? 'you' : 'your organization';
  const name = actor.type === 'it_contact' ? `${actor.name} (${whose})` : actor.name;
  return address === undefined ? name : `${name}, ${address}`;
}
