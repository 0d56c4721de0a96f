/** `backup` and `restore` of an embedded store. MongoDB has means of its own. */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sqliteFiles } from '../storage/index.ts';
import type { Edge } from './edge.ts';
import { endAgain, readTrail, type Trail } from './end-again.ts';

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

/**
 * Puts a backup where the store was, and ends again what has ended since; without a backup only the latter, in a store that means of its own
 * have restored. Gives the exit code.
 */
export async function restore(args: string[], edge: Edge): Promise<number> {
  const { say, store, readFile } = edge;
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { revocations: { type: 'string' } },
  });
  const trail = values.revocations === undefined ? undefined : readTrail(readExport(readFile, values.revocations));
  if (trail && positionals.length === 0) return endIn(edge, trail);
  const from = onlyOf(positionals, 'restore FROM', 'the folder of a backup');
  const folder = folderOf(store());
  const files = await sqliteFiles();
  const { newestEventAt } = await files.check(join(from, DATABASE));
  assertFree(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await files.copy(join(from, DATABASE), join(folder, DATABASE));
  if (existsSync(join(from, SECRET))) copyFileSync(join(from, SECRET), join(folder, SECRET));
  say(`Restored ${folder} from ${from}. ${newestEventOf(newestEventAt)}`);
  if (trail === undefined) {
    say(
      'Credentials that were revoked, disabled or rotated after that work again, and so do client secrets, members and directories.',
    );
    say(
      'Before you open the store to traffic, check your own records, or restore once more with --revocations FILE: the',
    );
    say('audit trail as JSON lines, exported from the dashboard.');
    return 0;
  }
  return endIn(edge, trail);
}

async function endIn(edge: Edge, trail: Trail): Promise<number> {
  let isAllEnded = false;
  await edge.withApp(async (app) => {
    isAllEnded = await endAgain(app, trail, edge.say);
  });
  return isAllEnded ? 0 : 1;
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

function folderOf(folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new Error(
    'LATCHKEY_DATABASE_URL points to MongoDB. Back it up with its own tools (mongodump --oplog, or snapshots), and keep LATCHKEY_SECRET separately. After you restore it, run latchkey restore --revocations FILE',
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
