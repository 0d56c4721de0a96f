/** `backup` and `restore` of an embedded store. MongoDB has means of its own. */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { App } from '../app/index.ts';
import { isAppError } from '../errors.ts';
import { sqliteFiles } from '../storage/index.ts';
import { COMMAND_LINE, type Edge } from './edge.ts';

const DATABASE = 'latchkey.db';
const SECRET = 'secret';

/** Copies the store into a new folder while it is in use, and checks the copy. */
export async function backUp(args: string[], { say, store }: Edge): Promise<void> {
  const to = onlyOf(parseArgs({ args, allowPositionals: true }).positionals, 'backup TO', 'the new folder');
  const folder = folderOf(store());
  if (!existsSync(join(folder, DATABASE))) throw new Error(`there is no ${join(folder, DATABASE)} to back up`);
  assertFree(to);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const files = await sqliteFiles();
  await files.copy(join(folder, DATABASE), join(to, DATABASE));
  if (existsSync(join(folder, SECRET))) copyFileSync(join(folder, SECRET), join(to, SECRET));
  const { newestEventAt } = await files.check(join(to, DATABASE));
  say(`Backed up ${folder} to ${to}, and checked the copy. ${newestEventOf(newestEventAt)}`);
  if (!existsSync(join(to, SECRET)))
    say("The backup doesn't include LATCHKEY_SECRET. Keep a copy of that secret elsewhere.");
}

/** Puts a backup where the store was, and applies what was revoked since. */
export async function restore(args: string[], edge: Edge): Promise<void> {
  const { say, store, readFile } = edge;
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { revocations: { type: 'string' } },
  });
  const from = onlyOf(positionals, 'restore FROM', 'the folder of a backup');
  const folder = folderOf(store());
  const revocations =
    values.revocations === undefined ? undefined : changesOf(readExport(readFile, values.revocations));
  const files = await sqliteFiles();
  const { newestEventAt } = await files.check(join(from, DATABASE));
  assertFree(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await files.copy(join(from, DATABASE), join(folder, DATABASE));
  if (existsSync(join(from, SECRET))) copyFileSync(join(from, SECRET), join(folder, SECRET));
  say(`Restored ${folder} from ${from}. ${newestEventOf(newestEventAt)}`);
  if (revocations === undefined) {
    say(
      'Credentials that were revoked, disabled or rotated after that work again. Before you open the store to traffic, check your own',
    );
    say(
      'records, or restore once more with --revocations FILE: the audit trail as JSON lines, exported from the dashboard.',
    );
    return;
  }
  await edge.withApp((app) => revokeAgain(app, revocations, say));
}

/** Throws an Error that says which file, and what it should be. */
function readExport(readFile: Edge['readFile'], path: string): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error);
    throw new Error(
      `--revocations ${path}: ${reason}. Export the audit trail as JSON lines from the dashboard. Nothing was restored.`,
      { cause: error },
    );
  }
}

type Change = { kind: 'credential' | 'api_key'; id: string; state: 'revoked' | 'disabled' };

/** The last word of an audit export about each credential and API key. Throws an Error that names the line. */
function changesOf(text: string): Change[] {
  const latest = new Map<string, Change | undefined>();
  const events = text
    .split('\n')
    .map((line, index) => [line.trim(), index + 1] as const)
    .filter(([line]) => line !== '')
    .map(([line, number]) => eventOf(line, number))
    .sort((a, b) => a.at.localeCompare(b.at));
  for (const { type, credentialId, subjectId } of events) {
    if (credentialId !== undefined && (type === 'credential.revoked' || type === 'credential.retired'))
      latest.set(credentialId, { kind: 'credential', id: credentialId, state: 'revoked' });
    else if (credentialId !== undefined && type === 'credential.disabled')
      latest.set(credentialId, { kind: 'credential', id: credentialId, state: 'disabled' });
    else if (credentialId !== undefined && type === 'credential.enabled') latest.set(credentialId, undefined);
    else if (subjectId !== undefined && type === 'api_key.revoked')
      latest.set(subjectId, { kind: 'api_key', id: subjectId, state: 'revoked' });
  }
  return [...latest.values()].filter((change) => change !== undefined);
}

function eventOf(line: string, number: number) {
  const read = (value: unknown) => (typeof value === 'string' ? value : undefined);
  try {
    const event = JSON.parse(line) as Record<string, unknown>;
    const data = (event['data'] ?? {}) as Record<string, unknown>;
    return {
      type: read(event['type']) ?? '',
      at: read(event['at']) ?? '',
      credentialId: read(event['credentialId']),
      subjectId: read(data['apiKeyId']),
    };
  } catch (error) {
    throw new Error(`line ${number} of the revocations is not JSON. Export the audit trail as JSON lines`, {
      cause: error,
    });
  }
}

async function revokeAgain(app: App, changes: readonly Change[], say: Edge['say']): Promise<void> {
  let [applied, already, absent] = [0, 0, 0];
  for (const { kind, id, state } of changes) {
    try {
      if (await hasEnded(app, { kind, id, state })) {
        already++;
        continue;
      }
      if (kind === 'api_key') await app.apiKeys.revoke(id, COMMAND_LINE);
      else if (state === 'disabled') await app.credentials.disable(id, COMMAND_LINE);
      else await app.credentials.revoke(id, { reason: 'revoked before the restore', force: true }, COMMAND_LINE);
      applied++;
    } catch (error) {
      // Made after the backup, so it is not there to be revoked; or it ended at this moment.
      if (!isAppError(error) || error.status >= 500) throw error;
      absent++;
    }
  }
  say(
    `Of ${changes.length} revocations, ${applied} were applied again; ${already} were already in the backup; ${absent} are for credentials that the backup doesn't contain.`,
  );
}

/** Whether the backup knew of it. Throws not_found. */
async function hasEnded(app: App, { kind, id, state }: Change): Promise<boolean> {
  if (kind === 'api_key') return (await app.apiKeys.get(id)).revokedAt !== undefined;
  const now = (await app.credentials.get(id)).state;
  return now === 'revoked' || now === 'expired' || (state === 'disabled' && now === 'disabled');
}

function folderOf(folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new Error(
    'LATCHKEY_DATABASE_URL points to MongoDB. Back it up with its own tools (mongodump --oplog, or snapshots), and keep LATCHKEY_SECRET separately',
  );
}

function assertFree(folder: string): void {
  const taken = existsSync(folder)
    ? readdirSync(folder).find((name) => name.startsWith(DATABASE) || name === SECRET)
    : undefined;
  if (taken !== undefined)
    throw new Error(`${join(folder, taken)} already exists. Move it elsewhere first; nothing is overwritten`);
}

function onlyOf(given: readonly string[], usage: string, what: string): string {
  const [only, ...more] = given;
  if (only !== undefined && more.length === 0) return only;
  throw new Error(`latchkey ${usage}: expected ${what}, got ${given.length === 0 ? 'nothing' : given.join(' ')}`);
}

function newestEventOf(at: Date | undefined): string {
  return at ? `Its newest event is from ${at.toISOString()}.` : "It doesn't contain any events.";
}
