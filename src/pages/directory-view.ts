/** A directory as it is now: what its slots hold, and what is said of its health. */
import { DAY_MS } from '../clock.ts';
import type { Credential, Credentials, RotationProgress, Usage, UsageTotal } from '../credentials/index.ts';
import { isDisabledByVendor, stateAt } from '../credentials/index.ts';
import type { Diagnoses, Diagnosis, Spoken, Station } from '../diagnosis/index.ts';
import type { Directory } from '../directories/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import type { Visit } from './visit.tsx';

/** A credential in its slot, with what is known of its use. */
export interface Holding {
  credential: Credential;
  state: Credential['state'];
  total: UsageTotal | undefined;
  progress: RotationProgress | undefined;
  /** The last 14 days, oldest first. */
  days: { accepted: number; refused: number }[];
}

export interface Held {
  directory: Directory;
  /** What its identity provider is called. */
  provider: string;
  holdings: Holding[];
  /** The one that was used last. */
  using: Holding | undefined;
  /** When a request was last accepted, with whatever credential. */
  acceptedAt: Date | undefined;
  now: Date;
}

export interface DirectoryView extends Held {
  diagnosis: Diagnosis;
  stations: Station[];
  spoken: Spoken;
}

/** Whether something ever came from the form in the identity provider: then it is there to be edited. */
export function wasFilledIn({ acceptedAt, diagnosis }: DirectoryView): boolean {
  return acceptedAt !== undefined || diagnosis.findings.some(({ evidence }) => evidence.length > 0);
}

export const DAYS = 14;
/** Most hours that 14 days have. */
const HOURS = 400;
/** Ended credentials whose last use is looked at. */
const ENDED_LOOKED_AT = 6;

interface HeldDependencies {
  credentials: Credentials;
  usage: Usage;
}

export async function readDirectoryView(
  deps: HeldDependencies & { diagnoses: Diagnoses },
  directory: Directory,
  now: Date,
): Promise<DirectoryView> {
  const [held, looked] = await Promise.all([readHeld(deps, directory, now), deps.diagnoses.look(directory)]);
  return { ...held, ...looked, spoken: deps.diagnoses.spoken(directory) };
}

export async function readHeld(
  { credentials, usage }: HeldDependencies,
  directory: Directory,
  now: Date,
): Promise<Held> {
  const directoryId = directory.id;
  const [holders, newest] = await Promise.all([
    credentials.holders(directoryId),
    credentials.page({ directoryId, limit: ENDED_LOOKED_AT }),
  ]);
  const totals = await usage.totals([...new Set([...holders, ...newest.items].map(({ id }) => id))]);
  const from = new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS - (DAYS - 1) * DAY_MS);
  const holdings = await Promise.all(
    holders.map(async (credential): Promise<Holding> => {
      const days = Array.from({ length: DAYS }, () => ({ accepted: 0, refused: 0 }));
      const { items } = await usage.hours(credential.id, { from, limit: HOURS });
      for (const { hour, accepted, refused } of items) {
        const day = days[Math.floor((hour.getTime() - from.getTime()) / DAY_MS)];
        if (!day) continue;
        day.accepted += accepted;
        day.refused += refused;
      }
      const progress = await credentials.progress(credential);
      return { credential, state: stateAt(credential, now), total: totals.get(credential.id), progress, days };
    }),
  );
  const acceptedAt = Math.max(0, ...[...totals.values()].map(({ lastUsedAt }) => lastUsedAt?.getTime() ?? 0));
  return {
    directory,
    provider: IDENTITY_PROVIDERS[directory.provider].name,
    holdings,
    using: latest(holdings),
    acceptedAt: acceptedAt === 0 ? undefined : new Date(acceptedAt),
    now,
  };
}

function latest(holdings: Holding[]): Holding | undefined {
  const used = holdings.filter(({ total }) => total?.lastUsedAt !== undefined);
  return used.sort((a, b) => lastUse(b) - lastUse(a))[0];
}

function lastUse({ total }: Holding): number {
  return total?.lastUsedAt?.getTime() ?? 0;
}

export function isHeldByVendor({ state, credential: { disabledBy } }: Holding): boolean {
  return isDisabledByVendor({ state, ...(disabledBy && { disabledBy }) });
}

/** Whether the vendor disabled one, which binds an IT contact. */
export function isHeldBack({ holdings }: Held, { attribution: { actor } }: Pick<Visit, 'attribution'>): boolean {
  return actor.type === 'it_contact' && holdings.some(isHeldByVendor);
}

/** The two places of a directory are named by their order on the page. */
export function placeOf(slot: 'a' | 'b'): 'first' | 'second' {
  return slot === 'a' ? 'first' : 'second';
}

export function titleOf({ label, kind }: { label?: string | undefined; kind: Credential['kind'] }): string {
  return label ?? (kind === 'oauth' ? 'Connection' : 'Token');
}

/** Where a request came from, and what its sender calls itself. */
export function sourceOf({
  address = 'An unknown address',
  userAgent,
}: Partial<Record<'address' | 'userAgent', string>>) {
  return userAgent === undefined ? address : `${address}, ${userAgent}`;
}

/** A credential within a sentence. */
export function spokenOf({ label, kind }: Credential): string {
  return label === undefined ? `the ${kind === 'oauth' ? 'connection' : 'token'}` : `“${label}”`;
}
