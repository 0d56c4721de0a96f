/**
 * The reference, written from the tables of the code: `npm run docs:tables`. In a page the rows stand between a mark that names their table
 * and the mark of its end; config/default.env is written whole. test/rules/tables.test.ts fails while a file says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { EVENTS, type EventType, PAYLOADS } from '../../src/audit/index.ts';
import { SETTING_GROUPS, SETTINGS } from '../../src/config/index.ts';
import { CODES, GROUPS } from '../../src/diagnosis/index.ts';
import { ERRORS } from '../../src/errors.ts';
import { WEBHOOK_EVENTS } from '../../src/notifications/index.ts';
import { ASSERTION_FAULTS } from '../../src/oauth/client-assertions.ts';
import { OAUTH_REASONS, OAUTH_REFUSALS } from '../../src/oauth/index.ts';
import { DENIAL_REASONS } from '../../src/verification/index.ts';

interface Setting {
  default: string | undefined;
  secret?: true;
  group: (typeof SETTING_GROUPS)[number];
  meaning: string;
  wanted: string;
}

const PAGES: Record<string, Record<string, () => string>> = {
  'docs/configuration.md': { settings },
  'docs/events.md': { events },
  'docs/webhooks.md': { 'webhook events': webhookEvents },
  'docs/errors.md': {
    errors,
    denials,
    'OAuth reasons': oauthReasons,
    'OAuth sub-reasons': oauthSubReasons,
    'assertion faults': assertionFaults,
  },
  'docs/findings.md': { findings },
};

const SEVERITY_NAMES = { failing: 'Failing', degraded: 'Degraded', notice: 'Notice', fine: 'Fine' };
const ACTOR_NAMES = {
  it_contact: "The customer's administrator can fix this.",
  vendor: 'You, the vendor, need to fix this.',
  idp: 'The identity provider tries again on its own.',
  nobody: 'There is nothing to fix.',
};

/** Each file with what it should hold. Throws where a page lacks the marks of a table. */
export function renderedFiles(): Map<string, string> {
  const files = new Map([['config/default.env', defaultSettings()]]);
  for (const [file, tables] of Object.entries(PAGES)) {
    let page = readFileSync(file, 'utf8');
    for (const [name, render] of Object.entries(tables)) page = filled(page, file, name, render());
    files.set(file, page);
  }
  return files;
}

function filled(page: string, file: string, name: string, rows: string): string {
  const start = `<!-- made by npm run docs:tables: ${name} -->\n`;
  const end = `<!-- end of ${name} -->\n`;
  const [before, rest] = page.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${file} needs ${start.trim()} and ${end.trim()}`);
  return `${before}${start}\n${rows}\n\n${end}${after}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function settingsOf(group: string): [key: string, setting: Setting][] {
  return (Object.entries(SETTINGS) as [string, Setting][]).filter(([, setting]) => setting.group === group);
}

function settings(): string {
  return SETTING_GROUPS.map((group) => {
    const rows = settingsOf(group).map(([key, { default: fallback, secret, meaning, wanted }]) => [
      `${code(key)}${secret ? ' (secret)' : ''}`,
      fallback === undefined ? 'none' : fallback === '' ? 'empty' : code(fallback),
      meaning,
      wanted,
    ]);
    return `### ${group}\n\n${table(['setting', 'default', 'meaning', 'value'], rows)}`;
  }).join('\n\n');
}

function defaultSettings(): string {
  const head = `# Every setting of Latchkey with its default, made by npm run docs:tables. Copy this file, change it, and use the copy:
#   node --env-file=my.env dist/main.js
# A setting that is commented out has no default or is a secret. A secret can also come from the file that <KEY>_FILE names.
# An empty value counts as not set. docs/configuration.md says more.`;
  const groups = SETTING_GROUPS.map((group) => {
    const entries = settingsOf(group).map(([key, { default: fallback, secret, meaning, wanted }]) => {
      const isCommentedOut = fallback === undefined || secret === true;
      return `# ${meaning}\n# Value: ${wanted}\n${isCommentedOut ? '# ' : ''}${key}=${fallback ?? ''}`;
    });
    return [`## ${group}`, ...entries].join('\n\n');
  });
  return `${[head, ...groups].join('\n\n')}\n`;
}

function events(): string {
  const rows = Object.entries(EVENTS).map(([type, meaning]) => [
    code(type),
    meaning,
    Object.keys(PAYLOADS[type as EventType])
      .map(code)
      .join(', '),
  ]);
  return table(['type', 'meaning', 'members of `data`'], rows);
}

function webhookEvents(): string {
  return table(
    ['type', 'meaning'],
    Object.entries(WEBHOOK_EVENTS).map(([type, meaning]) => [code(type), meaning]),
  );
}

function errors(): string {
  const rows = Object.entries(ERRORS).map(([name, { status, title, remedy }]) => [
    code(name),
    String(status),
    title,
    remedy,
  ]);
  return table(['code', 'status', 'what happened', 'what to do'], rows);
}

function denials(): string {
  const rows = Object.entries(DENIAL_REASONS).map(([name, { status, meaning, remedy }]) => [
    code(name),
    String(status),
    meaning,
    remedy,
  ]);
  return table(['reason', 'status', 'what happened', 'what to do'], rows);
}

function oauthReasons(): string {
  const rows = Object.entries(OAUTH_REASONS).map(([name, { told, meaning, remedy }]) => [
    code(name),
    told,
    meaning,
    remedy,
  ]);
  return table(['reason', 'the IdP gets', 'what happened', 'what to do'], rows);
}

function oauthSubReasons(): string {
  const rows = Object.entries(OAUTH_REFUSALS).map(([name, refusal]) => [
    code(name),
    code(refusal.error),
    'meaning' in refusal ? refusal.meaning : refusal.says,
  ]);
  return table(['subReason', 'the IdP gets', 'what was wrong'], rows);
}

function assertionFaults(): string {
  return table(
    ['fault', 'what is wrong'],
    Object.entries(ASSERTION_FAULTS).map(([name, meaning]) => [code(name), meaning]),
  );
}

function findings(): string {
  return Object.entries(GROUPS)
    .flatMap(([group, title]) => [
      `## ${title}`,
      ...Object.entries(CODES)
        .filter(([, entry]) => entry.group === group)
        .flatMap(([name, { severity, actor, meaning }]) => [
          `### ${name}`,
          meaning,
          `${SEVERITY_NAMES[severity]}. ${ACTOR_NAMES[actor]}`,
        ]),
    ])
    .join('\n\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const [file, text] of renderedFiles()) writeFileSync(file, text);
