/**
 * What pages are made of: the frame, its styles and script, the parts, forms, and the pages of one directory, which operators and IT contacts share.
 */

export { ASSETS_PREFIX, createAssets } from './assets.ts';
export { type Brand, contrast, readBrand, vendorOf } from './brand.ts';
export { AddSecret, SecretRows, secretEndSent } from './client-secrets.tsx';
export { Ask, Confirm, SecretRemoval } from './confirm.tsx';
export { contactRoutes } from './contacts.tsx';
export { credentialRoutes } from './credentials.tsx';
export { diagnosisRoutes } from './diagnosis.tsx';
export { DirectoryFace, LastUse } from './directory.tsx';
export { createDirectoryRows, type DirectoryRow, type DirectoryRows } from './directory-rows.ts';
export {
  type DirectoryView,
  type Held,
  type Holding,
  placeOf,
  readDirectoryView,
  readHeld,
  spokenOf,
  titleOf,
} from './directory-view.ts';
export { EventRows } from './events.tsx';
export {
  Choice,
  chosen,
  dayOf,
  endOfDay,
  endpointKeyOf,
  Field,
  invalidField,
  Lines,
  ProviderChoice,
  required,
  sent,
  Tick,
  touched,
} from './fields.tsx';
export { Dot, FindingRow, Sentence, toneOf } from './findings.tsx';
export { Act, Form, hasFormToken, isRefusedAt, Submit } from './forms.tsx';
export { pageHeaders } from './headers.ts';
export { CopyOnce, Head, More } from './heads.tsx';
export { importRoutes } from './importing.tsx';
export { MessageParts, messagePage, type PageMessage } from './messages.tsx';
export { renderPage, renderPart } from './page.tsx';
export {
  ago,
  CopyField,
  capital,
  counted,
  Go,
  Icon,
  Moment,
  QrCode,
  Status,
  Steps,
  span,
  Tag,
  Time,
  type Tone,
} from './parts.tsx';
export { createPipeline, type Face, type PipelineDependencies } from './pipeline.tsx';
export { requestLogRoutes } from './request-log.tsx';
export { createSeen, type SeenDependencies } from './seen.ts';
export { setupRoutes } from './setup.tsx';
export { SlotCards } from './slots.tsx';
export { PastPanel } from './then.tsx';
export { type Guest, type Handler, live, type OpenRoute, type Route, type Shown, type Visit } from './visit.tsx';
export { whyPage, whyRoutes } from './why.tsx';
