/** GUIDES. The ways that operators and IT contacts go alike: a directory as it is, generate, rotate, see it used, retire, revoke; and what pages are made of. */

export { Ask, Confirm, SecretRemoval } from './confirm.tsx';
export { SETUP } from './consoles.tsx';
export { credentialRoutes } from './credentials.tsx';
export { DirectoryFace, LastUse } from './directory.tsx';
export { EventRows } from './events.tsx';
export { EXPLANATIONS, explanationOf } from './explanations.tsx';
export {
  Act,
  answerOnce,
  Choice,
  dayOf,
  endOfDay,
  endpointKeyOf,
  Field,
  Form,
  formAgain,
  hasFormToken,
  isFromOwnPage,
  isRefusedAt,
  ProviderChoice,
  required,
  sent,
  touched,
} from './forms.tsx';
export { importRoutes } from './importing.tsx';
export { createSeen, type SeenDependencies } from './seen.ts';
export { setupRoutes } from './setup.tsx';
export {
  CopyOnce,
  type GuidedRoute,
  type Handler,
  Head,
  live,
  MessagePage,
  More,
  messageOf,
  patternOf,
  type Shown,
  type Visit,
} from './visit.tsx';
