/** What goes with every page: the headers that keep it from being framed, sniffed, scripted or kept. */

/** Nothing of this is used by a page of ours. What is not named keeps the browser's own rule: copying and passkeys work. */
const UNUSED = [
  'accelerometer',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'microphone',
  'midi',
  'payment',
  'usb',
];

/**
 * `formTargets`: origins that a form on the page may lead to by redirects, besides our own. `isOpenedByOthers`: identity providers open
 * the consent in a window and wait for it to come back to them, which `Cross-Origin-Opener-Policy` would cut for good.
 */
export function pageHeaders(
  formTargets: readonly string[] = [],
  { isOpenedByOthers = false }: { isOpenedByOthers?: boolean } = {},
): Record<string, string> {
  return {
    'Content-Security-Policy': `default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action ${["'self'", ...formTargets].join(' ')}; frame-ancestors 'none'`,
    ...(!isOpenedByOthers && { 'Cross-Origin-Opener-Policy': 'same-origin' }),
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': UNUSED.map((feature) => `${feature}=()`).join(', '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // Not `no-referrer`: browsers would send `Origin: null` with our own forms, and no Sec-Fetch-Site over plain http.
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}

/** What goes with an address to go on to: it may hold a code or a one-time link, so nothing keeps it or tells it on. */
export function redirectHeaders(location: string): Record<string, string> {
  return { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' };
}
