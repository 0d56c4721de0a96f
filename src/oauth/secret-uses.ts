/**
 * When each secret of a client was last used. The token endpoint counts it in memory, as the uses of tokens are, so a request writes
 * nothing for it.
 */
import type { Usage, UsageTotal } from '../credentials/index.ts';
import { list } from '../sentences.ts';
import { allPages, type Migration, type Page, type PageQuery } from '../storage/index.ts';
import type { ClientRecord } from './client-record.ts';

/** `unusedSince`: when the secret was made, or when its uses began to be counted: in an earlier release they were not. */
export type SecretUse =
  | { lastUsedAt: Date; lastUsedFrom: UsageTotal['lastUsedFrom']; unusedSince?: undefined }
  | { lastUsedAt?: undefined; unusedSince: Date };

/** By the ID of the secret. */
export type SecretUses = ReadonlyMap<string, SecretUse>;

interface Holder {
  id: string;
  secrets: readonly Pick<ClientRecord['secrets'][number], 'id' | 'createdAt'>[];
}

export type SecretUseRecord = ReturnType<typeof createSecretUses>;

const AT_ONCE = 200;

export function createSecretUses({ usage }: { usage: Usage }) {
  async function of({ id, secrets }: Holder): Promise<SecretUses> {
    const totals = await usage.totals(secrets.map((secret) => subjectOf(id, secret.id)));
    return new Map(secrets.map((secret) => [secret.id, useOf(totals.get(subjectOf(id, secret.id)), secret.createdAt)]));
  }

  return {
    of,

    /** `secretId` authenticated the client. */
    note(clientId: string, secretId: string, address: string, userAgent: string | undefined): void {
      usage.used(subjectOf(clientId, secretId), address, userAgent);
    },

    /** Keeps a secret of an earlier release from being told as never used. */
    migration: (pageOf: (query: PageQuery) => Promise<Page<Holder>>): Migration => ({
      name: 'begin_client_secret_uses',
      async run() {
        for await (const clients of allPages((after) => pageOf({ after, limit: AT_ONCE })))
          await usage.begin(clients.flatMap(({ id, secrets }) => secrets.map((secret) => subjectOf(id, secret.id))));
      },
    }),
  };
}

/** IDs of secrets are unique within their client alone. */
function subjectOf(clientId: string, secretId: string): string {
  return `${clientId}:${secretId}`;
}

function useOf(total: UsageTotal | undefined, createdAt: Date): SecretUse {
  const { lastUsedAt, lastUsedFrom } = total ?? {};
  return lastUsedAt ? { lastUsedAt, lastUsedFrom } : { unusedSince: total?.createdAt ?? createdAt };
}

/** `…k3Fq was never used`: which secret can go, the ones without a use first. */
export function tellUses(
  secrets: readonly Pick<ClientRecord['secrets'][number], 'id' | 'hint' | 'createdAt'>[],
  uses: SecretUses,
) {
  const at = (id: string) => uses.get(id)?.lastUsedAt?.getTime() ?? 0;
  const told = secrets
    .toSorted((a, b) => at(a.id) - at(b.id))
    .map(({ id, hint, createdAt }) => {
      const use = uses.get(id);
      if (use?.lastUsedAt) return `…${hint} was last used on ${utc(use.lastUsedAt)}`;
      const isOlder = use !== undefined && use.unusedSince > createdAt;
      return isOlder ? `…${hint} has not been used since ${utc(use.unusedSince)}` : `…${hint} was never used`;
    });
  return `${list(told)}.`;
}

function utc(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
