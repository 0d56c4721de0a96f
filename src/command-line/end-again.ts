/** After a restore: ends again what has ended since the backup, as far as an audit trail says, and tells what it could not do. */
import type { App } from '../app/index.ts';
import { isAppError } from '../errors.ts';
import { COMMAND_LINE, type Edge } from './edge.ts';

/** What a line of an exported trail has of an event. */
interface TrailEvent {
  id: string;
  type: string;
  at: string;
  organizationId: string;
  directoryId: string;
  credentialId: string;
  data: Readonly<Record<string, unknown>>;
}

/** Ends something; false where it has ended already. Throws what the store says against it, such as not_found or last_owner. */
type End = (app: App) => Promise<boolean>;

/** What an event says about the thing with an ID: how it ended, or, without `end`, that it works again. */
interface Word {
  id: string;
  end?: End;
}

/** In the order of their times. */
export type Trail = readonly TrailEvent[];

const ENDS_CREDENTIAL = ['credential.revoked', 'credential.retired', 'credential.expired'];
const MAKES_CREDENTIAL = ['credential.issued', 'credential.imported', 'credential.connected'];
const EVENTS_AT_ONCE = 100;
/** Changes that may have taken access away; what exactly is more than the trail says. */
const CHANGES = ['credential.updated', 'client.updated', 'operator.updated'];

/** Reads an audit trail as JSON lines. Throws an Error that names the line. */
export function readTrail(text: string): Trail {
  return text
    .split('\n')
    .map((line, index) => [line.trim(), index + 1] as const)
    .filter(([line]) => line !== '')
    .map(([line, number]) => eventOf(line, number))
    .sort((a, b) => a.at.localeCompare(b.at));
}

function eventOf(line: string, number: number): TrailEvent {
  try {
    const event = JSON.parse(line) as Record<string, unknown>;
    const read = (name: string) => textOf(event[name]);
    return {
      id: read('id'),
      type: read('type'),
      at: read('at'),
      organizationId: read('organizationId'),
      directoryId: read('directoryId'),
      credentialId: read('credentialId'),
      data: (event['data'] ?? {}) as Record<string, unknown>,
    };
  } catch (error) {
    throw new Error(`line ${number} of the revocations is not JSON. Export the audit trail as JSON lines`, {
      cause: error,
    });
  }
}

/** Gives whether all that has ended has ended again. */
export async function endAgain(app: App, trail: Trail, say: Edge['say']): Promise<boolean> {
  const latest = new Map<string, { type: string; end: End | undefined }>();
  for (const event of trail) {
    const word = wordOf(event);
    if (word) latest.set(word.id, { type: event.type, end: word.end });
  }
  const left: string[] = [];
  let [applied, already, absent] = [0, 0, 0];
  for (const [id, { type, end }] of latest) {
    if (!end) continue;
    try {
      if (await end(app)) applied++;
      else already++;
    } catch (error) {
      if (!isAppError(error) || error.status >= 500) throw error;
      // Made after the backup, so it is not there to be ended.
      if (error.code === 'not_found') absent++;
      // Its end has passed, and was not recorded yet.
      else if (error.code === 'credential_final') already++;
      else left.push(`${type} ${id}: ${error.message}`);
    }
  }
  say(
    `Of ${applied + already + absent + left.length} revocations, ${applied} were applied again; ${already} were already in the backup; ${absent} are for things that the backup doesn't contain.`,
  );
  const lost = await lostOf(app, trail);
  const sayList = (title: string, lines: readonly string[]) => {
    if (lines.length > 0) say([title, ...lines.map((line) => `  ${line}`)].join('\n'));
  };
  sayList(
    "The backup doesn't contain these tokens and connections, so they are refused. Create new ones for the identity providers that use them:",
    await missing(app, lost, trail),
  );
  sayList(
    "The backup doesn't contain these later changes. Check whether they took access away:",
    lost.filter((event) => CHANGES.includes(event.type) && !wordOf(event)).map(changeOf),
  );
  sayList('These could not be ended again, and still work. End them yourself before you serve requests:', left);
  return left.length === 0;
}

/** Undefined for an event that ends nothing. */
function wordOf({ type, organizationId, directoryId, credentialId, data }: TrailEvent): Word | undefined {
  const [clientId, secretId, apiKeyId, portalLinkId, operatorId] = (
    ['clientId', 'secretId', 'apiKeyId', 'portalLinkId', 'operatorId'] as const
  ).map((name) => textOf(data[name])) as [string, string, string, string, string];
  const endOfLink = (isOver: (link: { usedAt?: Date; revokedAt?: Date }) => boolean): Word => ({
    id: portalLinkId,
    end: async ({ portalLinks }) => {
      if (isOver(await portalLinks.get(portalLinkId))) return false;
      await portalLinks.revoke(portalLinkId, COMMAND_LINE);
      return true;
    },
  });
  switch (type) {
    case 'credential.revoked':
    case 'credential.retired':
    // The end may have been set after the backup.
    case 'credential.expired':
      return {
        id: credentialId,
        end: async ({ credentials }) => {
          if (hasEnded((await credentials.get(credentialId)).state)) return false;
          await credentials.revoke(credentialId, { reason: 'revoked before the restore', force: true }, COMMAND_LINE);
          return true;
        },
      };
    case 'credential.disabled':
      return {
        id: credentialId,
        end: async ({ credentials }) => {
          const { state } = await credentials.get(credentialId);
          if (state === 'disabled' || hasEnded(state)) return false;
          await credentials.disable(credentialId, COMMAND_LINE);
          return true;
        },
      };
    case 'credential.enabled':
      return { id: credentialId };
    case 'directory.disabled':
      return {
        id: directoryId,
        end: async ({ directories }) => {
          if ((await directories.get(directoryId)).state === 'disabled') return false;
          await directories.disable(directoryId, COMMAND_LINE);
          return true;
        },
      };
    case 'directory.enabled':
      return { id: directoryId };
    case 'directory.deleted':
      return {
        id: directoryId,
        end: async ({ directories, removal }) => {
          await removal.removeDirectory(await directories.get(directoryId), true, COMMAND_LINE);
          return true;
        },
      };
    case 'organization.deleted':
      return {
        id: organizationId,
        end: async ({ removal }) => {
          await removal.removeOrganization(organizationId, true, COMMAND_LINE);
          return true;
        },
      };
    case 'client.deleted':
      return {
        id: clientId,
        end: async ({ clients }) => {
          await clients.remove(await clients.get(clientId), COMMAND_LINE);
          return true;
        },
      };
    case 'client.secret_removed':
      return {
        id: `${secretId} of ${clientId}`,
        end: async ({ clients }) => {
          await clients.removeSecret(clientId, secretId, COMMAND_LINE);
          return true;
        },
      };
    case 'api_key.revoked':
      return {
        id: apiKeyId,
        end: async ({ apiKeys }) => {
          if ((await apiKeys.get(apiKeyId)).revokedAt) return false;
          await apiKeys.revoke(apiKeyId, COMMAND_LINE);
          return true;
        },
      };
    case 'portal_link.revoked':
    case 'portal_link.left':
      return endOfLink(({ revokedAt }) => revokedAt !== undefined);
    // It opens once, and that was before.
    case 'portal_link.used':
      return endOfLink(({ usedAt, revokedAt }) => (usedAt ?? revokedAt) !== undefined);
    case 'operator.updated': {
      const changed = Array.isArray(data['changed']) ? data['changed'] : [];
      if (changed.includes('enabled')) return { id: operatorId };
      if (!changed.includes('disabled')) return undefined;
      return {
        id: operatorId,
        end: async ({ operators }) => {
          if ((await operators.get(operatorId)).disabledAt) return false;
          await operators.disable(operatorId, COMMAND_LINE);
          return true;
        },
      };
    }
    case 'operator.removed':
      return {
        id: operatorId,
        end: async ({ operators }) => {
          await operators.remove(operatorId, COMMAND_LINE);
          return true;
        },
      };
    default:
      return undefined;
  }
}

/** The events of what was made and changed that the backup doesn't contain. */
async function lostOf({ audit }: App, trail: Trail): Promise<Trail> {
  const lost: TrailEvent[] = [];
  const asked = trail.filter(({ type }) => MAKES_CREDENTIAL.includes(type) || CHANGES.includes(type));
  for (let start = 0; start < asked.length; start += EVENTS_AT_ONCE) {
    const some = asked.slice(start, start + EVENTS_AT_ONCE);
    const kept = new Set((await audit.find(some.map(({ id }) => id))).map(({ id }) => id));
    lost.push(...some.filter(({ id }) => !kept.has(id)));
  }
  return lost;
}

function hasEnded(state: string): boolean {
  return state === 'revoked' || state === 'expired';
}

/** The tokens and connections that were made since the backup and had not ended. */
async function missing({ credentials, directories }: App, lost: Trail, trail: Trail): Promise<string[]> {
  const ends = trail.filter(({ type }) => ENDS_CREDENTIAL.includes(type));
  const ended = new Set(ends.map(({ credentialId }) => credentialId));
  const lines: string[] = [];
  for (const { type, at, credentialId, directoryId } of lost) {
    if (!MAKES_CREDENTIAL.includes(type) || ended.has(credentialId) || (await credentials.find(credentialId))) continue;
    const { name = "a directory that it doesn't contain" } = (await directories.find(directoryId)) ?? {};
    lines.push(`${name} (${directoryId}): ${credentialId}, ${at}`);
  }
  return lines;
}

/** `operator.updated op_...: password`. */
function changeOf({ type, at, credentialId, data }: TrailEvent): string {
  const id = credentialId || textOf(data['clientId']) || textOf(data['operatorId']);
  const changed = Array.isArray(data['changed']) ? data['changed'].join(', ') : '';
  return `${type} ${id}: ${changed}, ${at}`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
