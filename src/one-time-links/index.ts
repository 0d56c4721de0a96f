/**
 * LETS IN. One-time links, for two purposes: a portal link lets an IT contact in, a sign-in link an operator. Only digests are kept, one
 * browser wins, and what a link is good for is told without using it.
 */
export { type LinkState, linkStateAt } from './links.ts';
export {
  createPortalLinks,
  PORTAL_SESSION_MS,
  type PortalLink,
  type PortalLinks,
  personOf,
  UNNAMED_CONTACT,
} from './portal-links.ts';
export { createSignInLinks, type SignInLinks } from './sign-in-links.ts';
