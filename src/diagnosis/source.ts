/** Where a request came from, as coarse as it may be kept: a network, and the family of a program. */
import ipaddr from 'ipaddr.js';
import { createRecall } from '../http/recall.ts';

const LONGEST_FAMILY = 60;
/** The refusals of one directory come from a few places, hundreds at a time. */
const RECALLED = 1000;

/** 198.51.100.7 -> 198.51.100.0/24; of IPv6 the /48. What is no address stays out. */
export const networkOf = createRecall((address): string => {
  if (!ipaddr.isValid(address)) return '';
  const parsed = ipaddr.process(address);
  const bytes = parsed.toByteArray();
  const kept = parsed.kind() === 'ipv4' ? 3 : 6;
  const network = ipaddr.fromByteArray(bytes.map((byte, index) => (index < kept ? byte : 0)));
  return `${network.toString()}/${kept * 8}`;
}, RECALLED);

/** "Okta SCIM Client 1.0.0 (x)" -> "okta scim client": without versions and comments, so that an update is no new program. */
export function familyOf(userAgent = ''): string {
  return recallFamily(userAgent);
}

/** Both of a request; '' for what it did not say. */
export function sourceOf(request: { address?: string | undefined; userAgent?: string | undefined }) {
  return { network: networkOf(request.address ?? ''), family: familyOf(request.userAgent) };
}

const recallFamily = createRecall(
  (userAgent): string =>
    userAgent
      .toLowerCase()
      .replace(/\([^)]*\)?/g, ' ')
      .replace(/\s*[/ ]v?\d.*$/, '')
      .replace(/[^\x20-\x7e]/g, '?')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, LONGEST_FAMILY),
  RECALLED,
);
