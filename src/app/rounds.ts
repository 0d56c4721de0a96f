/** What is done again and again in the background, and how often. */
import { DAY_MS } from '../clock.ts';
import { ANNOUNCE_EVERY_MS } from '../operations/index.ts';
import type { Round } from '../timing/rounds.ts';
import type { AppDependencies, Foundation } from './foundation.ts';
import type { Machines } from './machines.ts';
import type { People } from './people.ts';

const SECOND = 1000;
const RECOVERY_AGE_MS = 10_000;
/** Of rounds about what a process has in its memory. */
const OWN_MEMORY = { trustsNoClock: true, ofEachWorker: true };

export function createRounds(
  { config }: AppDependencies,
  { clock, storage, instances, audit }: Foundation,
  { usage, verification, credentials, diagnoses, oauth }: Machines,
  { notifications, campaigns }: People,
) {
  const { traffic, requestLog, current } = diagnoses;

  async function writeRefusals(): Promise<void> {
    verification.settle();
    await audit.tallies.flush();
  }

  async function forgetOld(): Promise<void> {
    const before = (days: number) => new Date(clock.now().getTime() - days * DAY_MS);
    const { LATCHKEY_EVENTS_RETENTION_DAYS: eventDays, LATCHKEY_USAGE_RETENTION_DAYS: usageDays } = config;
    if (eventDays > 0) await audit.prune(before(eventDays));
    if (usageDays > 0) await usage.prune(before(usageDays));
    await notifications.prune();
    if (usageDays > 0) await traffic.prune(before(usageDays));
  }

  const rounds: Round[] = [
    { name: 'usage', everyMs: 5 * SECOND, run: usage.flush, ...OWN_MEMORY },
    { name: 'denials', everyMs: 3 * SECOND, run: writeRefusals, ...OWN_MEMORY },
    { name: 'traffic', everyMs: 5 * SECOND, run: () => traffic.flush(), ...OWN_MEMORY },
    { name: 'request log', everyMs: 2 * SECOND, run: requestLog.flush, ...OWN_MEMORY },
    { name: 'findings', everyMs: 2 * SECOND, run: current.run },
    { name: 'fleets', everyMs: 60 * SECOND, run: traffic.fleet.run },
    { name: 'first findings', everyMs: 10 * SECOND, run: current.sweep },
    { name: 'due credentials', everyMs: 5 * SECOND, run: credentials.advance },
    { name: 'instances', everyMs: ANNOUNCE_EVERY_MS, run: instances.announce, ...OWN_MEMORY },
    { name: 'signing keys', everyMs: 30 * SECOND, run: oauth.reload, ofEachWorker: true },
    { name: 'notices', everyMs: 20 * SECOND, run: notifications.advance },
    { name: 'campaigns', everyMs: 5 * SECOND, run: campaigns.advance },
    { name: 'deliveries', everyMs: SECOND, run: notifications.run },
    { name: 'recovery', everyMs: 15 * SECOND, run: () => audit.recover(RECOVERY_AGE_MS) },
    { name: 'expired records', everyMs: 600 * SECOND, run: () => storage.reclaim() },
    { name: 'retention', everyMs: 3600 * SECOND, run: forgetOld },
  ];

  return {
    rounds,
    /** Writes what is only in memory, as far as it can be now. */
    async flush(): Promise<void> {
      await Promise.allSettled([usage.flush(), writeRefusals(), traffic.flush(true), requestLog.flush()]);
    },
  };
}
