/**
 * "Refused, of nobody": what was refused and carried nothing by which a directory could be told. One record for each cause and identity
 * provider, so that nothing an anonymous caller sends makes it grow; the audit trail has the rest.
 */
import type { AuditEvent } from '../audit/index.ts';
import { type Clock, DAY_MS } from '../clock.ts';
import { type IdentityProviderId, identityProviderOfAgent } from '../identity-providers/index.ts';
import { type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { codeOf } from './causes.ts';
import type { Code } from './codes.ts';

const shape = {
  code: text<Code>(),
  /** Whose agent it named itself; anybody can. */
  'provider?': text<IdentityProviderId>(),
  firstAt: 'date',
  lastAt: 'date',
  'address?': 'string',
  'userAgent?': 'string',
  'requestId?': 'string',
  /** The latest event. */
  eventId: 'string',
  expiresAt: 'date',
} as const;

export type UnplacedRefusal = Stored<typeof shape>;

export interface Unplaced {
  /** Takes an event that is a refusal of nobody; any other is left alone. */
  note(event: AuditEvent): Promise<void>;
  /** Latest beginnings first. Throws invalid_cursor. */
  page(query: { after?: string | undefined; limit: number }): Promise<Page<UnplacedRefusal>>;
}

const KEPT_MS = 7 * DAY_MS;

export function createUnplaced({ storage, clock }: { storage: Storage; clock: Clock }): Unplaced {
  const unplaced = storage.collection({
    name: 'unplaced_refusals',
    shape,
    keys: {},
    order: 'firstAt',
    expires: 'expiresAt',
  });
  return {
    async note(event) {
      const { directoryId, organizationId, id, at, lastAt = at, data, address, requestId } = event;
      const code = codeOf(event);
      if (code === undefined || directoryId !== undefined || organizationId !== undefined) return;
      const userAgent = typeof data['userAgent'] === 'string' ? data['userAgent'] : undefined;
      const provider = userAgent === undefined ? undefined : identityProviderOfAgent(userAgent);
      const latest = {
        lastAt,
        eventId: id,
        expiresAt: new Date(clock.now().getTime() + KEPT_MS),
        ...(address !== undefined && { address }),
        ...(userAgent !== undefined && { userAgent }),
        ...(requestId !== undefined && { requestId }),
      };
      const initial: UnplacedRefusal = {
        id: `${code}:${provider ?? 'other'}`,
        code,
        ...(provider !== undefined && { provider }),
        firstAt: event.firstAt ?? at,
        ...latest,
      };
      await unplaced.accumulate([{ initial, latest: { by: 'lastAt', values: latest } }]);
    },
    page: ({ after, limit }) => unplaced.page({ after, limit, direction: 'descending' }),
  };
}
