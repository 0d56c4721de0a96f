/**
 * What an explanation costs: one directory with 100,000 events, pages of 50 rows, and the home page with 100,000 directories of which some
 * are broken. One request after another, as a person asks; the times are those of whole HTTP requests.
 */
import type { AuditEvent } from '../../src/audit/index.ts';
import { placeIn } from '../../src/audit/index.ts';
import { DAY_MS, systemClock } from '../../src/clock.ts';
import type { Finding } from '../../src/diagnosis/index.ts';
import { type Collection, type Identified, openStorage } from '../../src/storage/index.ts';
import { silent } from '../support/engines.ts';
import { collectionsOf, directoryIdOf, fillStore, organizationIdOf } from './filled-store.ts';
import { type MeasuredPage, measureRequests, signedIn } from './pages.ts';
import { startPinned } from './pinned-process.ts';
import { table } from './report.ts';

const DIRECTORIES = 100_000;
const EVENTS = 100_000;
const ORGANIZATIONS = 10_000;
/** The last directory has all the events; one in so many of the others is broken. */
const CROWDED = DIRECTORIES - 1;
const BROKEN_EVERY = 50;
/** Of its own organization, so that a page of 50 is full. */
const ROWS = 50;
const BATCH = { sqlite: 20_000, mongodb: 200 };
const HOUR_MS = 3_600_000;

export interface MeasuredDiagnosis {
  name: string;
  p50Ms: number;
  p95Ms: number;
  atMostMs: number;
}

export async function measureDiagnosis(options: {
  databaseUrl: string;
  env: Record<string, string>;
  ownerKey: string;
  say: (text: string) => void;
}): Promise<MeasuredDiagnosis[]> {
  const { databaseUrl, env, ownerKey, say } = options;
  const stored = (done: number) => say(`storing ${done / 2} of ${DIRECTORIES} directories`);
  await fillStore(databaseUrl, 2 * DIRECTORIES, 'https://scim.example.com', stored, ORGANIZATIONS);
  say('storing findings and events');
  await fillFindings(databaseUrl);
  const latchkey = await startPinned(['dist/main.js'], env);
  try {
    const { url } = latchkey;
    const cookie = await signedIn(url, env);
    const measure = async (name: string, path: string, headers: Record<string, string>, atMostMs: number) => {
      say(`measuring ${name}`);
      const { p50Ms, p95Ms }: MeasuredPage = await measureRequests(url + path, headers);
      return { name, p50Ms, p95Ms, atMostMs };
    };
    const key = { authorization: `Bearer ${ownerKey}` };
    const person = { cookie };
    const id = directoryIdOf(CROWDED);
    const at = new Date(systemClock.now().getTime() - 30 * DAY_MS).toISOString();
    return [
      await measure('diagnose, 100,000 events in the directory', `/api/v1/directories/${id}/diagnosis`, key, 10),
      await measure('the same as it was a month ago', `/api/v1/directories/${id}/diagnosis?at=${at}`, key, 60),
      await measure('page of that directory', `/dashboard/directories/${id}`, person, 60),
      await measure('page of 50 findings', '/dashboard/findings', person, 60),
      await measure(
        'page of 50 directories',
        `/dashboard/organizations/${organizationIdOf(ORGANIZATIONS)}`,
        person,
        60,
      ),
      await measure('home page, 100,000 directories', '/dashboard/organizations', person, 100),
    ];
  } finally {
    await latchkey.stop();
  }
}

export function renderDiagnosis(measured: readonly MeasuredDiagnosis[]): string {
  const rows = measured.map(({ name, p50Ms, p95Ms, atMostMs }) => [
    name,
    p50Ms.toFixed(1),
    p95Ms.toFixed(1),
    `at most ${atMostMs}`,
    p95Ms <= atMostMs ? 'reached' : 'missed',
  ]);
  return `\n${table(['', 'p50 ms', 'p95 ms', 'wanted at p95', ''], rows)}\n`;
}

/** What rounds and writers would have kept: a diagnosis of each directory, a row for each finding, and the events of one. */
async function fillFindings(databaseUrl: string): Promise<void> {
  const storage = await openStorage({ url: databaseUrl, clock: systemClock, log: silent, sqliteSynchronous: 'normal' });
  try {
    const collections = await collectionsOf(storage);
    const into = (name: string) => collections(name) as Collection<Identified>;
    const now = systemClock.now();
    const write = async (name: string, count: number, recordOf: (index: number) => Identified) => {
      const collection = into(name);
      const batch = BATCH[storage.engine];
      for (let from = 0; from < count; from += batch) {
        const indexes = Array.from({ length: Math.min(batch, count - from) }, (_, at) => from + at);
        await Promise.all(indexes.map((index) => collection.insert(recordOf(index))));
      }
    };
    const organizationId = organizationIdOf(ORGANIZATIONS);
    await into('organizations').insert({
      id: organizationId,
      name: 'Full house',
      createdAt: now,
      updatedAt: now,
    } as Identified);
    await write('directories', ROWS, (index) => {
      const names = { id: directoryIdOf(DIRECTORIES + index), organizationId, name: `Okta ${index}`, provider: 'okta' };
      return { ...names, endpointKey: `full-${index}`, state: 'active', createdAt: now, updatedAt: now } as Identified;
    });
    const places = Array.from({ length: DIRECTORIES + ROWS }, (_, index) => index);
    const ownerOf = (index: number) =>
      index >= DIRECTORIES ? organizationId : organizationIdOf(index % ORGANIZATIONS);
    const isBroken = (index: number) => index % BROKEN_EVERY === 0 || index >= DIRECTORIES;
    await write('diagnoses', places.length, (index) => {
      const finding = findingOf(index, isBroken(index), now);
      return {
        id: directoryIdOf(index),
        organizationId: ownerOf(index),
        provider: 'okta',
        code: finding.code,
        severity: finding.severity,
        findings: [finding],
        strangers: [],
        computedAt: now,
        dueAt: new Date(now.getTime() + DAY_MS),
        createdAt: now,
      } as Identified;
    });
    const broken = places.filter(isBroken);
    await write('findings', broken.length, (at) => {
      const index = broken[at] ?? 0;
      const finding = findingOf(index, true, now);
      const { code, severity, since } = finding;
      const place = { directoryId: directoryIdOf(index), organizationId: ownerOf(index), provider: 'okta' };
      return {
        id: `${place.directoryId}:${code}`,
        ...place,
        code,
        severity,
        scope: `${place.organizationId}:${severity}`,
        turn: `${finding.actor}:${severity}`,
        since: new Date(since),
        finding,
      } as Identified;
    });
    await write('events', EVENTS, (index) => eventOf(index, now));
  } finally {
    await storage.close();
  }
}

function findingOf(index: number, isBroken: boolean, now: Date): Finding {
  const since = new Date(now.getTime() - (index % 5000) * HOUR_MS).toISOString();
  const about = { since, evidence: [], certainty: 'known' as const };
  if (!isBroken)
    return {
      ...about,
      code: 'working',
      severity: 'fine',
      actor: 'nobody',
      facts: { acceptedAt: since, sees: 'gateway' },
    };
  const facts = { count: 41, firstAt: since, lastAt: now.toISOString(), hint: '0000', by: 'Dana', at: since };
  return { ...about, code: 'token_revoked', severity: 'failing', actor: 'it_contact', facts };
}

/** Mostly refusals from many addresses, with tokens issued and changes by people between them, over a year. */
function eventOf(index: number, now: Date): AuditEvent & { place: string } {
  const directoryId = directoryIdOf(CROWDED);
  const at = new Date(now.getTime() - ((EVENTS - index) * 365 * DAY_MS) / EVENTS);
  const about = {
    id: `evt_bench${String(index).padStart(15, '0')}`,
    at,
    firstAt: at,
    lastAt: at,
    count: 1,
    source: 'system' as const,
    organizationId: organizationIdOf(CROWDED % ORGANIZATIONS),
    directoryId,
    address: `198.51.${index % 100}.${index % 250}`,
    requestId: `bench-${index}`,
  };
  if (index % 100 === 1)
    return {
      ...about,
      type: 'directory.updated',
      place: placeIn(directoryId, 'change'),
      actor: { type: 'operator', id: 'op_bench', name: 'Dana' },
      data: { changes: [{ attribute: 'name', from: `Okta ${index}`, to: `Okta ${index + 1}` }] },
    };
  if (index % 10 === 2)
    return {
      ...about,
      type: 'token.issued',
      place: placeIn(directoryId, 'token'),
      actor: { type: 'identity_provider', name: 'Okta' },
      data: { clientId: 'client_bench', grantType: 'refresh_token' },
    };
  return {
    ...about,
    type: 'request.denied',
    place: placeIn(directoryId, 'trouble'),
    actor: { type: 'anonymous', name: 'unauthenticated caller' },
    data: {
      reason: 'unknown',
      subReason: 'token_unknown',
      surface: 'gateway',
      method: 'GET',
      userAgent: `agent ${index % 7}`,
    },
  };
}
