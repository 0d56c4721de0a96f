/**
 * Whether many directories of one identity provider are quiet at once: then the cause is at the provider or between us, and one incident says
 * more than an alarm for each. One instance at a time looks through them; all read what it kept.
 */
import { type Audit, type AuditEvent, outboxShape, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { IDENTITY_PROVIDER_IDS, type IdentityProviderId } from '../identity-providers/index.ts';
import { isDuplicate, type Storage, type Stored } from '../storage/index.ts';
import { createFleetCount, type Rhythm, type WeightOf } from './silence.ts';

const shape = {
  /** Of the look before this one; it never changes, so that records have an order. */
  createdAt: 'date',
  /** Until another instance may look. */
  nextLookAt: 'date',
  'quietSince?': 'date',
  ...outboxShape,
} as const;

/** Its id is the identity provider's. */
type Kept = Stored<typeof shape>;

export interface Fleet {
  isQuiet(provider: IdentityProviderId): Promise<boolean>;
  /** Looks at the providers that no instance has looked at for a while. */
  run(): Promise<void>;
}

const EVERY_MS = 10 * 60_000;
const PAGE = 200;

export function createFleet(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  /** Rhythms of a provider's directories, some at a time. */
  rhythms: (
    provider: IdentityProviderId,
    query: { after: string | undefined; limit: number },
  ) => Promise<{ items: { directoryId: string; rhythm: Rhythm }[]; nextCursor: string | null }>;
  weightOf: (provider: IdentityProviderId) => Promise<WeightOf>;
  /** Directories whose silence now means something else. */
  onChange: (directoryIds: readonly string[]) => Promise<void>;
}): Fleet {
  const { storage, audit, clock, onChange } = deps;
  const fleets = storage.collection({
    name: 'provider_silences',
    shape,
    keys: { outboxAt: 'index' },
    order: 'createdAt',
  });
  const told = audit.track('provider_silences', fleets);

  /** Claims the look for this instance; undefined where another one has it. */
  async function claim(id: IdentityProviderId): Promise<Kept | undefined> {
    const now = clock.now();
    const nextLookAt = new Date(now.getTime() + EVERY_MS);
    // A clock that was moved back far would wait for long.
    const isDue = ({ nextLookAt: due }: Kept) => due <= now || due.getTime() - now.getTime() > 2 * EVERY_MS;
    const result = await fleets.update(id, (kept) => (isDue(kept) ? { ...kept, nextLookAt } : undefined));
    if (result) return result.after === result.before ? undefined : result.after;
    const first: Kept = { id, createdAt: now, nextLookAt };
    return fleets.insert(first).then(
      () => first,
      (error: unknown) => {
        if (!isDuplicate(error, 'id')) throw error;
        return undefined;
      },
    );
  }

  async function look(provider: IdentityProviderId): Promise<void> {
    const now = clock.now();
    const count = createFleetCount(now, await deps.weightOf(provider));
    const quiet: string[] = [];
    let after: string | undefined;
    do {
      const { items, nextCursor } = await deps.rhythms(provider, { after, limit: PAGE });
      for (const { directoryId, rhythm } of items) if (count.add(rhythm)) quiet.push(directoryId);
      after = nextCursor ?? undefined;
    } while (after !== undefined);
    if (count.isBehind()) return;
    const isQuiet = count.isQuiet();
    const result = await told.update(provider, (kept) => {
      if (isQuiet === (kept.quietSince !== undefined)) return undefined;
      const { quietSince, ...rest } = kept;
      const data = { provider, directories: quiet.length, active: count.active() };
      const type = isQuiet ? 'fleet.quieted' : 'fleet.resumed';
      const events: AuditEvent[] = [audit.event(type, SYSTEM, {}, data)];
      return { record: isQuiet ? { ...rest, quietSince: now } : rest, events };
    });
    if (result && result.after !== result.before) await onChange(quiet);
  }

  return {
    isQuiet: async (provider) => (await fleets.find(provider))?.quietSince !== undefined,
    async run() {
      for (const provider of IDENTITY_PROVIDER_IDS) if (await claim(provider)) await look(provider);
    },
  };
}
