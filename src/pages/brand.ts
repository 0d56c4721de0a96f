/** The vendor's name, colour and logo in the portal. Whatever colour is given, what is written in it can be read. */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';

export interface Brand {
  name: string;
  /** Path of the logo among the assets. */
  logo?: string;
  /** Where help is found: an https URL, or an e-mail address. */
  support?: string;
}

export interface Asset {
  body: Buffer;
  type: string;
  maxAge: number;
}

/** As long as the vendor says nothing of itself. */
const UNBRANDED = 'Latchkey';

const LOGO_TYPES: Record<string, string> = { '.svg': 'image/svg+xml', '.png': 'image/png' };
const LIGHT_CARD = 0xffffff;
const DARK_CARD = 0x1a1d20;
const DARK_INK = 0x0b0f14;
/** More than the 4.5 of WCAG, since text also stands on a wash of the colour. */
const CONTRAST = 5.5;

/** The vendor, in a sentence to its customers. */
export function vendorOf({ name }: Pick<Brand, 'name'>): string {
  return name === UNBRANDED ? 'your software vendor' : name;
}

/** Throws when the logo is not a readable SVG or PNG file. */
export function readBrand(settings: {
  name: string;
  color: string | undefined;
  logo: string | undefined;
  support: string | undefined;
}): { brand: Brand; assets: Record<string, Asset> } {
  const { name, color, logo, support } = settings;
  const assets: Record<string, Asset> = {};
  assets['brand.css'] = {
    body: Buffer.from(color === undefined ? '' : stylesheetOf(color)),
    type: 'text/css; charset=utf-8',
    maxAge: 300,
  };
  let path: string | undefined;
  if (logo !== undefined) {
    const type = LOGO_TYPES[extname(logo).toLowerCase()];
    if (type === undefined) throw new Error(`LATCHKEY_BRAND_LOGO: expected an .svg or .png file, got ${logo}`);
    path = `logo${extname(logo).toLowerCase()}`;
    assets[path] = { body: readFileSync(logo), type, maxAge: 300 };
  }
  return {
    brand: { name, ...(path !== undefined && { logo: path }), ...(support !== undefined && { support }) },
    assets,
  };
}

/** `color`: six hexadecimal digits with `#` before them. */
function stylesheetOf(color: string): string {
  const given = Number.parseInt(color.slice(1), 16);
  const light = hex(moved(given, 0x000000, LIGHT_CARD));
  const dark = hex(moved(given, 0xffffff, DARK_CARD));
  return `:root{--accent:light-dark(${light},${dark});--accent-ink:light-dark(#fff,${hex(DARK_INK)});--accent-wash:color-mix(in srgb,var(--accent) 9%,var(--card))}\n`;
}

/** The colour, moved towards another one only as far as it can be read on that ground. */
function moved(color: number, towards: number, ground: number): number {
  for (let share = 0; share <= 1; share += 0.02) {
    const mixed = mix(color, towards, share);
    if (contrast(mixed, ground) >= CONTRAST) return mixed;
  }
  return towards;
}

function mix(a: number, b: number, share: number): number {
  return channels(a).reduce((sum, value, index) => {
    const other = channels(b)[index] ?? 0;
    return (sum << 8) | Math.round(value + (other - value) * share);
  }, 0);
}

function channels(color: number): number[] {
  return [(color >> 16) & 255, (color >> 8) & 255, color & 255];
}

/** WCAG 2.2, relative luminance. */
export function contrast(a: number, b: number): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((one, other) => other - one);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: number): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function hex(color: number): string {
  return `#${color.toString(16).padStart(6, '0')}`;
}
