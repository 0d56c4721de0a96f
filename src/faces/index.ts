/** DRAWS. What the dashboard and the portal share: the frame of a page, its styles and script, the parts, the two slots as two cards. */
export { ASSETS_PREFIX, createAssets } from './assets.ts';
export { type Brand, contrast, readBrand, vendorOf } from './brand.ts';
export { type PageFrame, pageHeaders, renderPage, renderPart } from './page.tsx';
export {
  ago,
  CopyField,
  capital,
  counted,
  Icon,
  QrCode,
  Spark,
  Status,
  Steps,
  span,
  Tag,
  Time,
  type Tone,
} from './parts.tsx';
export {
  type DirectoryView,
  failureOf,
  type Health,
  type Holding,
  healthOf,
  REFUSALS,
  readDirectoryView,
  refusalIn,
  SlotCards,
  spokenOf,
  timeOf,
  titleOf,
  URGENCY,
} from './slots.tsx';
