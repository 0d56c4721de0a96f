/**
 * Lets writes that nobody waits for gather, so that many of them share a transaction. Each transaction costs an answer of the disk, for which
 * SQLite makes the whole process wait.
 */

/** Runs a write together with others, soon. Its outcome is that of the write. */
export type Gather = <T>(write: () => Promise<T>) => Promise<T>;

/** As many go without waiting for more. */
const FULL = 64;
/** After writing for some time, it pauses for so many times as long. */
const PAUSE_PER_WRITE = 40;
const LONGEST_PAUSE_MS = 50;

export function createGathering(): Gather {
  let waiting: (() => Promise<void>)[] = [];
  let isWriting = false;
  let freeAt = 0;
  let timer: NodeJS.Timeout | undefined;

  function goOn(): void {
    if (isWriting || waiting.length === 0) return;
    const isFull = waiting.length >= FULL;
    if (timer && !isFull) return;
    clearTimeout(timer);
    timer = setTimeout(() => void writeAll(), isFull ? 0 : Math.max(0, freeAt - performance.now()));
  }

  async function writeAll(): Promise<void> {
    timer = undefined;
    isWriting = true;
    const startedAt = performance.now();
    const batch = waiting.slice(0, FULL);
    waiting = waiting.slice(FULL);
    // Those of one transaction end together; elsewhere, one that hangs holds up none that comes later.
    await Promise.race(batch.map((write) => write()));
    const now = performance.now();
    freeAt = now + Math.min((now - startedAt) * PAUSE_PER_WRITE, LONGEST_PAUSE_MS);
    isWriting = false;
    goOn();
  }

  return (write) =>
    new Promise((resolve, reject) => {
      waiting.push(() => write().then(resolve, reject));
      goOn();
    });
}
