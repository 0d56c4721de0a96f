/** When the clock alone can change what a diagnosis says: the next end, limit or pause that is ahead. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../clock.ts';
import type { Facts } from './facts.ts';
import type { Diagnosis } from './finding.ts';
import { PAUSE_MS } from './pauses.ts';

/** Whatever else happens, each directory is looked at once a day; one that does not work more often, for recoveries seen elsewhere. */
const LATEST_MS = DAY_MS;
const UNWELL_MS = 5 * MINUTE_MS;

export function nextLook(
  { at, credentials, clients, accepted, silence, refusals, recovered }: Facts,
  diagnosis: Diagnosis,
): Date {
  const now = at.getTime();
  const ends = (end: Date | undefined) =>
    end ? [end.getTime(), end.getTime() - 7 * DAY_MS, end.getTime() - 30 * DAY_MS] : [];
  const [last] = refusals;
  const moments = [
    ...credentials.flatMap(({ expiresAt, accessTokenExpiresAt, createdAt, rotation }) => [
      ...ends(expiresAt),
      ...(accessTokenExpiresAt ? [accessTokenExpiresAt.getTime()] : []),
      createdAt.getTime() + 7 * DAY_MS,
      ...(rotation ? [rotation.since.getTime() + 7 * DAY_MS] : []),
    ]),
    ...clients.flatMap(({ secrets }) => secrets.flatMap(({ expiresAt }) => ends(expiresAt))),
    ...(accepted ? [accepted.at.getTime() + HOUR_MS, accepted.at.getTime() + 7 * DAY_MS] : []),
    ...(silence ? [silence.since.getTime() + silence.limitMs] : []),
    ...(last ? [last.lastAt.getTime() + PAUSE_MS, last.lastAt.getTime() + 7 * DAY_MS] : []),
    ...(recovered ? [recovered.until.getTime() + 30 * DAY_MS] : []),
  ];
  // Beyond its limit in plain time, silence is measured in working time, which passes slower.
  const isPastLimit = silence !== undefined && now > silence.since.getTime() + silence.limitMs && !silence.isAlarm;
  const isUnwell = diagnosis.findings.some(({ severity }) => severity === 'failing' || severity === 'degraded');
  const latest = now + (isUnwell ? UNWELL_MS : isPastLimit ? HOUR_MS : LATEST_MS);
  const ahead = moments.filter((moment) => moment > now).map((moment) => moment + 1);
  return new Date(Math.min(latest, ...ahead));
}
