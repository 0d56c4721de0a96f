/** GUIDES. The ways that operators and IT contacts go alike: a directory as it is, generate, rotate, see it used, retire, revoke; and what pages are made of. */
export { SETUP } from './consoles.tsx';
export { credentialRoutes } from './credentials.tsx';
export { DirectoryFace, endpointOf, LastUse } from './directory.tsx';
export { EventRows } from './events.tsx';
export { EXPLANATIONS } from './explanations.tsx';
export { setupRoutes } from './setup.tsx';
export {
  Act,
  Choice,
  Confirm,
  CopyOnce,
  Crumbs,
  endpointKeyOf,
  Field,
  Form,
  type GuidedRoute,
  type Handler,
  Head,
  MessagePage,
  More,
  messageOf,
  required,
  SecretRemoval,
  type Shown,
  sent,
  type Visit,
} from './visit.tsx';
