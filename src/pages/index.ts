/**
 * What pages are made of: the frame, its styles and script, the parts, forms, and the pages of one directory, which operators and IT contacts share.
 */

export { ASSETS_PREFIX, createAssets } from './assets.ts';
export { type Brand, contrast, readBrand, vendorOf } from './brand.ts';
export { AddSecret, SecretRows, secretEndSent, secretRemoval } from './client-secrets.tsx';
export { Ask } from './confirm.tsx';
export { ContactRow, contactRoutes, MAIL_IS_OFF, notifiedAbout } from './contacts.tsx';
export { credentialRoutes } from './credentials.tsx';
export { diagnosisRoutes } from './diagnosis.tsx';
export { DirectoryFace, LastUse } from './directory.tsx';
export { createDirectoryRows, type DirectoryRow } from './directory-rows.ts';
export { type Held, isHeldBack, placeOf, readHeld, spokenOf, titleOf } from './directory-view.ts';
export { entryRoute } from './entering.ts';
export { EventList, isToldTo, REFUSALS } from './events.tsx';
export {
  Choice,
  CodeField,
  changesIn,
  chosen,
  dayOf,
  endOfDay,
  endpointKeyOf,
  Field,
  invalidField,
  Lines,
  oneOf,
  Pick,
  ProviderChoice,
  providerIn,
  required,
  sent,
  sentOrNone,
  Tick,
  touched,
} from './fields.tsx';
export { FindingRow, Sentence, toneOf } from './findings.tsx';
export { Act, Filter, Fold, Form, FormPanel, hasFormToken, Submit } from './forms.tsx';
export { pageHeaders } from './headers.ts';
export { CopyOnce, Head, OnceOnly, oncePage } from './heads.tsx';
export { holderOf, holdersOf } from './holders.ts';
export { importRoutes } from './importing.tsx';
export {
  type Column,
  type DetailList,
  Details,
  List,
  Listed,
  namesOf,
  Row,
  Rows,
  Table,
  TableList,
  Tabs,
} from './lists.tsx';
export { MessageParts, messagePage, type PageMessage } from './messages.tsx';
export { renderPage } from './page.tsx';
export { CopyField, capital, counted, Dot, Go, Icon, Note, QrCode, Status, Tag, type Tone } from './parts.tsx';
export { createPipeline, type Face, type PipelineDependencies } from './pipeline.tsx';
export { requestLogRoutes } from './request-log.tsx';
export { createSeen, type SeenDependencies } from './seen.ts';
export { setupRoutes } from './setup.tsx';
export { PastPanel } from './then.tsx';
export { ago, Last, Moment, span, Time } from './times.tsx';
export {
  addressOf,
  fileOf,
  type Guest,
  live,
  type OpenRoute,
  type Route,
  type Shown,
  type Trail,
  trailTo,
  useVisit,
  type Visit,
} from './visit.tsx';
export { WhatToDo } from './what-to-do.tsx';
export { whyPage, whyRoutes } from './why.tsx';
