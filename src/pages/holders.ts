/** Who presented a refused credential that we know. Its identity provider has it from us, so nobody else is named. */
import type { AuditEvent } from '../audit/index.ts';
import type { Directory } from '../directories/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { namesOf } from './lists.tsx';
import { capital } from './parts.tsx';

/** `provider`: what the identity provider of the event's directory is called. */
export function holderOf(event: AuditEvent, provider: string | undefined): string | undefined {
  const { type, credentialId, data, address } = event;
  if (type !== 'request.denied' || credentialId === undefined || provider === undefined) return undefined;
  // At the directory that was asked, a credential of another one may come from either identity provider.
  if (data['reason'] === 'wrong_directory' && data['elsewhere'] !== true) return undefined;
  return `${capital(provider)}${address === undefined ? '' : `, ${address}`}`;
}

/** The same for events of many directories. */
export async function holdersOf(
  events: readonly AuditEvent[],
  findDirectory: (id: string) => Promise<Directory | undefined>,
): Promise<(event: AuditEvent) => string | undefined> {
  const providers = await namesOf(events, 'directoryId', async (id) => {
    const directory = await findDirectory(id);
    return directory && IDENTITY_PROVIDERS[directory.provider];
  });
  return (event) => holderOf(event, providers.get(event.directoryId ?? ''));
}
