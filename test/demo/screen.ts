/** What the demo shows: headings, one line per step with a tick and its time, notes and tables. Colour only for a terminal. */

const WIDTH = 92;
const isTerminal = process.stdout.isTTY === true;
const hasColour = isTerminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';

const colour = (code: number) => (text: string) => (hasColour ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = colour(1);
export const dim = colour(2);
const green = colour(32);
const red = colour(31);

function line(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function title(name: string, ...about: string[]): void {
  line();
  line(`  ${bold(name)}`);
  for (const text of about) line(`  ${dim(text)}`);
}

export function heading(text: string): void {
  line();
  line(`  ${bold(text)}`);
}

/**
 * Runs one step. What it returns is what its line says in the end; until then a terminal shows `doing`, or what the step reports through
 * `show`.
 */
export async function step(doing: string, work: (show: (progress: string) => void) => Promise<string>): Promise<void> {
  const startedAt = performance.now();
  const show = (text: string) => {
    if (isTerminal) process.stdout.write(`\r\x1b[K  ${dim('·')} ${dim(text)}`);
  };
  const close = (mark: string, text: string) => {
    if (isTerminal) process.stdout.write('\r\x1b[K');
    line(
      `  ${mark} ${text}${' '.repeat(Math.max(2, WIDTH - text.length))}${dim(duration(performance.now() - startedAt))}`,
    );
  };
  show(doing);
  try {
    close(green('✓'), await work(show));
  } catch (error) {
    close(red('✗'), doing);
    throw error;
  }
}

export function note(text: string): void {
  line(`    ${dim(text)}`);
}

/** Aligned columns, the first line in bold. */
export function table(rows: string[][]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  rows.forEach((row, index) => {
    const text = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    line(`    ${index === 0 ? dim(text) : text}`);
  });
}

export function plain(...lines: string[]): void {
  for (const text of lines) line(text === '' ? '' : `    ${text}`);
}

export function duration(ms: number): string {
  return (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`).padStart(7);
}
