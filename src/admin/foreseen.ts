/** What the rows of a dry run would take: a later row is refused for it, as it would be if they were imported. */
import { type Credentials, SLOTS } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';

export interface Foreseen {
  /** A client, told apart by its secret from another one with the same ID. Throws client_exists. */
  addClient(clientId: string, secret: string): void;
  /** Whether an earlier row has that client; with `secret`, whether it has that secret as well. */
  hasClient(clientId: string, secret?: string): boolean;
  /** A value that would be kept, by its digest. Throws credential_exists, slots_full. */
  addValue(value: { digest: string; directory: Directory; clientId?: string; needsSlot: boolean }): Promise<void>;
}

export function createForeseen({ holders }: Pick<Credentials, 'holders'>): Foreseen {
  const clients = new Map<string, string>();
  const values = new Map<string, { directory: Directory; clientId: string | undefined }>();
  const taken = new Map<string, number>();

  return {
    addClient(clientId, secret) {
      if (clients.has(clientId)) throw new AppError('client_exists', { clientId });
      clients.set(clientId, secret);
    },
    hasClient: (clientId, secret) => (secret === undefined ? clients.has(clientId) : clients.get(clientId) === secret),
    async addValue({ digest, directory, clientId, needsSlot }) {
      const known = values.get(digest);
      if (known) {
        const { id: directoryId, organizationId } = known.directory;
        const isSame = known.clientId === clientId;
        throw new AppError('credential_exists', {
          directoryId,
          organizationId,
          // It has no ID yet.
          ...(isSame && { credentialId: null, state: 'active' }),
        });
      }
      if (needsSlot) {
        const { id } = directory;
        const count = (taken.get(id) ?? 0) + 1;
        if ((await holders(id)).length + count > SLOTS.length) throw new AppError('slots_full');
        taken.set(id, count);
      }
      values.set(digest, { directory, clientId });
    },
  };
}
