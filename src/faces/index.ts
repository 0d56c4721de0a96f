/** DRAWS. What the dashboard and the portal share: the frame of a page, its styles and script, the parts, the two slots as two cards. */
export { ASSETS_PREFIX, createAssets } from './assets.ts';
export { type Brand, contrast, readBrand, vendorOf } from './brand.ts';
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
export { failureOf, type Health, healthOf, URGENCY } from './health.tsx';
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
export { SlotCards } from './slots.tsx';
