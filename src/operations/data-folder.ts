/** The rights of the data folder: anyone who can read it can sign tokens and decrypt what is kept. */
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const OTHERS = 0o077;
const STICKY = 0o1000;
const OURS = /^(?:latchkey\.db(?:-\w+)?|secret)$/;

export interface Tightened {
  /** Paths that others could read, which they no longer can. */
  closed: string[];
  /** A folder that others can read, which has more in it than ours or is not ours to close. */
  left: string | undefined;
}

/** Takes the rights of group and others away from the data folder and our files in it. A file that is not ours stays as it is. */
export function tightenDataFolder(folder: string): Tightened {
  const tightened: Tightened = { closed: [], left: undefined };
  if (!existsSync(folder)) return tightened;
  const names = readdirSync(folder);
  for (const path of names.filter((name) => OURS.test(name)).map((name) => join(folder, name))) close(path, 0o600);
  // A folder that Latchkey shares with others, such as /tmp, must stay open to them.
  const { mode } = statSync(folder);
  const isShared = (mode & STICKY) !== 0 || !names.every((name) => OURS.test(name));
  if (!isShared) close(folder, 0o700);
  else if ((mode & OTHERS) !== 0) tightened.left = folder;
  return tightened;

  function close(path: string, mode: number): void {
    if ((statSync(path).mode & OTHERS) === 0) return;
    try {
      chmodSync(path, mode);
      tightened.closed.push(path);
    } catch {
      // It is somebody else's; they are told about it.
      tightened.left = folder;
    }
  }
}
