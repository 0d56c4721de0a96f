/** The report as pictures for docs/performance.md: bars with ratios, and lines that show how cost grows. In colors for light and dark pages. */
import type { Growth } from './growth.ts';
import { type Measured, type Report, ratioOf } from './report.ts';

const WIDTH = 760;
const NAMES = 280;
const ROW = 26;
const BAR = 14;
const PLACE_FOR_NUMBERS = 160;

const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.quiet { fill: #59636e } .group { font-weight: 600 }
.theirs { fill: #b6bdc5 } .ours { fill: #2f6f4f } .line { fill: none; stroke: #2f6f4f; stroke-width: 2 } .dot { fill: #2f6f4f }
.axis { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .quiet { fill: #9198a1 } .theirs { fill: #545d68 } .ours, .dot { fill: #57ab7c } .line { stroke: #57ab7c } .axis { stroke: #3d444d }
}
</style>`;

/** Bars of requests per second of processor time; the number behind each is its share of the first of its group. */
export function renderChart({ measured }: Report): string {
  const rows: string[] = [];
  let y = 24;
  for (const [group, members] of groupsOf(measured)) {
    const most = Math.max(...members.map(({ perCoreSecond }) => perCoreSecond));
    rows.push(`<text class="group" x="8" y="${y}">${escaped(group)}</text>`);
    y += ROW - 4;
    for (const one of members) {
      const width = Math.round(((WIDTH - NAMES - PLACE_FOR_NUMBERS) * one.perCoreSecond) / most);
      const ratio = ratioOf(one, measured);
      const kind = isOurs(one) ? 'ours' : 'theirs';
      const label = `${Math.round(one.perCoreSecond).toLocaleString('en-US')} (${ratio.toFixed(2)})`;
      rows.push(
        `<text class="quiet" x="8" y="${y}">${escaped(one.name)}</text>`,
        `<rect class="${kind}" x="${NAMES}" y="${y - BAR + 3}" width="${width}" height="${BAR}" rx="2"/>`,
        `<text x="${NAMES + width + 8}" y="${y}">${label}</text>`,
      );
      y += ROW;
    }
    y += 12;
  }
  return svg(y, 'Requests per second of processor time, and the share of the first of each group', rows);
}

const MEASURES: { name: string; of: (one: Growth) => number; unit: string }[] = [
  { name: 'Verifications per core second', of: (one) => one.verificationsPerCoreSecond, unit: '' },
  { name: 'Page of an organization, 95th of 100', of: (one) => one.listMs, unit: ' ms' },
  { name: 'Audit page, 95th of 100', of: (one) => one.auditMs, unit: ' ms' },
  { name: 'Home page, 95th of 100', of: (one) => one.homeMs, unit: ' ms' },
  { name: 'Start', of: (one) => one.startMs / 1000, unit: ' s' },
  { name: 'Memory', of: (one) => one.memoryBytes / 1024 ** 2, unit: ' MB' },
];
const PANEL = { width: 240, height: 150, columns: 3, left: 16, top: 44, plot: 70 };

/** One small plot for each measure, over the number of stored credentials, ten times more each. */
export function renderGrowth({ growth }: Report): string {
  const shapes: string[] = [];
  for (const [index, { name, of, unit }] of MEASURES.entries()) {
    const left = PANEL.left + (index % PANEL.columns) * PANEL.width;
    const top = PANEL.top + Math.floor(index / PANEL.columns) * PANEL.height;
    const most = Math.max(...growth.map(of)) * 1.15;
    const base = top + PANEL.plot + 14;
    const points = growth.map((one, at) => ({
      x: left + 22 + at * ((PANEL.width - 70) / Math.max(1, growth.length - 1)),
      y: base - (PANEL.plot * of(one)) / most,
      label: `${of(one) < 10 ? of(one).toFixed(1) : Math.round(of(one)).toLocaleString('en-US')}${unit}`,
      below: one.credentials.toLocaleString('en-US', { notation: 'compact' }),
    }));
    shapes.push(
      `<text class="group" x="${left}" y="${top - 12}">${escaped(name)}</text>`,
      `<path class="axis" d="M${left} ${base}H${left + PANEL.width - 24}"/>`,
      `<path class="line" d="M${points.map(({ x, y }) => `${x} ${y}`).join('L')}"/>`,
      ...points.flatMap(({ x, y, label, below }, at) => [
        `<circle class="dot" cx="${x}" cy="${y}" r="3"/>`,
        ...(at === 0 || at === points.length - 1
          ? [`<text text-anchor="middle" x="${x}" y="${y - 8}">${label}</text>`]
          : []),
        `<text class="quiet" text-anchor="middle" x="${x}" y="${base + 16}">${below}</text>`,
      ]),
    );
  }
  const height = PANEL.top + Math.ceil(MEASURES.length / PANEL.columns) * PANEL.height;
  return svg(height, 'How cost grows with the number of stored credentials', shapes);
}

function groupsOf(measured: readonly Measured[]): Map<string, Measured[]> {
  const groups = new Map<string, Measured[]>();
  for (const one of measured) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}

function isOurs({ name }: Measured): boolean {
  return /^(?:\/|gateway|refresh|client|one worker|two workers)/.test(name);
}

function svg(height: number, title: string, shapes: string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`;
  return `${[head, `<title>${escaped(title)}</title>`, STYLE, ...shapes, '</svg>'].join('\n')}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
