/** When a delivery is tried again. */
import type { Random } from '../identifiers.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Pauses before each attempt: ten attempts in a little more than three days. */
export const PAUSES_MS: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  20 * HOUR,
];
export const MOST_ATTEMPTS = PAUSES_MS.length;

/** A receiver may ask for more time than the schedule gives, but not for ever. */
const LONGEST_WAIT_MS = 24 * HOUR;
const SPREAD = 0.15;

/** Milliseconds until the next attempt after `attempts` of them, or undefined when that was the last one. */
export function pauseAfter(attempts: number, askedMs: number | undefined, random: Random): number | undefined {
  const pauseMs = PAUSES_MS[attempts];
  if (pauseMs === undefined) return undefined;
  // Deliveries that failed together must not come back together.
  const share = Buffer.from(random.bytes(2)).readUInt16BE(0) / 0xffff;
  const spreadMs = Math.round(pauseMs * (1 - SPREAD + 2 * SPREAD * share));
  return Math.max(spreadMs, Math.min(askedMs ?? 0, LONGEST_WAIT_MS));
}

/** Milliseconds that a `Retry-After` asks for (RFC 9110 10.2.3): seconds, or a date. */
export function retryAfterMs(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * SECOND;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}
