/**
 * What pages are made of: the frame, its styles and script, the parts, forms, and the pages of one directory, which operators and IT contacts share.
 */

export { ASSETS_PREFIX, createAssets } from './assets.ts';
export { type Brand, contrast, readBrand, vendorOf } from './brand.ts';
export { AddSecret, SecretRows, secretEndSent } from './client-secrets.tsx';
export { Ask, Confirm, SecretRemoval } from './confirm.tsx';
export { credentialRoutes } from './credentials.tsx';
export { DirectoryFace, LastUse } from './directory.tsx';
export {
  type DirectoryView,
  type Holding,
  REFUSALS,
  readDirectoryView,
  refusalIn,
  spokenOf,
  timeOf,
  titleOf,
} from './directory-view.ts';
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
export { failureOf, type Health, healthOf, URGENCY } from './health.tsx';
export { importRoutes } from './importing.tsx';
export { pageHeaders, renderPage, renderPart } from './page.tsx';
export {
  ago,
  CopyField,
  capital,
  counted,
  Icon,
  QrCode,
  Status,
  Steps,
  span,
  Tag,
  Time,
  type Tone,
} from './parts.tsx';
export { createSeen, type SeenDependencies } from './seen.ts';
export { setupRoutes } from './setup.tsx';
export { SlotCards } from './slots.tsx';
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
