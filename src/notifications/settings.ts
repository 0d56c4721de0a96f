/** What organizations chose about being told. */
import type { Clock } from '../clock.ts';
import { isDuplicate, json, type Storage } from '../storage/index.ts';
import { USUAL_DAYS } from './endings.ts';

export interface Settings {
  /** Days before an end, the most first. */
  daysOf(organizationId: string | undefined): Promise<readonly number[]>;
  /** Stages that are set already stay; later ones follow the new days. */
  setDays(organizationId: string, days: readonly number[]): Promise<void>;
}

export function createSettings({ storage, clock }: { storage: Storage; clock: Clock }): Settings {
  const settings = storage.collection({
    name: 'notification_settings',
    shape: { endingDays: json<number[]>(), createdAt: 'date' },
    keys: {},
    order: 'createdAt',
  });
  return {
    async daysOf(organizationId) {
      const found = organizationId === undefined ? undefined : await settings.find(organizationId);
      return found?.endingDays ?? USUAL_DAYS;
    },
    async setDays(organizationId, days) {
      const endingDays = [...new Set(days)].sort((a, b) => b - a);
      const known = await settings.update(organizationId, (record) => ({ ...record, endingDays }));
      if (known) return;
      await settings
        .insert({ id: organizationId, endingDays, createdAt: clock.now() })
        .catch(async (error: unknown) => {
          if (!isDuplicate(error, 'id')) throw error;
          await settings.update(organizationId, (record) => ({ ...record, endingDays }));
        });
    },
  };
}
