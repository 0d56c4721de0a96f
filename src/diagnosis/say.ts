/** Sentences with parts that are shown in their own way: a time in the reader's zone, a field or menu as it stands elsewhere, a value. */

import { dateFormat } from '../clock.ts';
import { counted } from '../sentences.ts';
import { PAGE_ACTS, type PageAct } from './acts.ts';

export { capital, counted, list } from '../sentences.ts';

/** How a time follows its sentence: "since 22:51 today", "revoked on Wednesday at 20:00"; else by its name alone. */
export type TimeForm = 'since' | 'on' | 'named';

export type Part =
  | string
  | { time: string; form: TimeForm }
  | { ui: string }
  | { value: string }
  | { act: PageAct }
  | { directory: string; name: string };
export type Text = readonly Part[];

type Said = string | number | Date | Part | Text | undefined;

/** Joins a template into a text; a Date becomes a time, undefined nothing. */
export function say(strings: TemplateStringsArray, ...values: Said[]): Text {
  const parts: Part[] = [];
  const add = (part: Part) => {
    const last = parts.at(-1);
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
    else if (part !== '') parts.push(part);
  };
  strings.forEach((text, index) => {
    add(text);
    const value = values[index];
    if (value === undefined) return;
    if (value instanceof Date) add({ time: value.toISOString(), form: formAfter(parts.at(-1)) });
    else if (typeof value === 'number') add(String(value));
    else if (isText(value)) for (const part of value) add(part);
    else add(value);
  });
  return parts;
}

/** After a preposition, or as a sentence's first word, a day takes none of its own. A name in quotes is a word. */
function formAfter(before: Part | undefined): TimeForm {
  if (typeof before !== 'string') return 'named';
  if (/\bsince $/i.test(before)) return 'since';
  return /[\p{L}\p{N}”] $/u.test(before) && !/\b(?:after|and|around|before|between|by|from|until) $/i.test(before)
    ? 'on'
    : 'named';
}

function isText(value: Part | Text): value is Text {
  return Array.isArray(value);
}

/** A field, button or option as it is labelled in somebody's console. */
export function ui(label: string): Part {
  return { ui: label };
}

/** A button of our own pages, by its name: it stands where the text is shown. */
export function act(name: PageAct): Part {
  return { act: name };
}

/** The acts that texts name, in their order and each once. */
export function actsIn(texts: readonly Text[]): PageAct[] {
  const named = texts.flat().flatMap((part) => (typeof part === 'object' && 'act' in part ? [part.act] : []));
  return [...new Set(named)];
}

/** A way through menus: A → B → C. */
export function path(steps: readonly string[]): Text {
  return steps.flatMap((step, index): Part[] => (index === 0 ? [ui(step)] : [' → ', ui(step)]));
}

/** "6 days", "3 hours", "40 minutes", "20 seconds". */
export function span(ms: number): string {
  if (ms < 90_000) return counted(Math.max(1, Math.round(ms / 1000)), 'second');
  const minutes = Math.round(ms / 60_000);
  if (minutes < 90) return counted(minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 48 ? counted(hours, 'hour') : counted(Math.round(hours / 24), 'day');
}

/** As plain text with exact times in UTC: for tickets, mail and the API. */
export function plain(text: Text): string {
  return text
    .map((part) => {
      if (typeof part === 'string') return part;
      if ('time' in part) return `${part.form === 'on' ? 'on ' : ''}${exact(part.time)}`;
      if ('act' in part) return PAGE_ACTS[part.act];
      if ('directory' in part) return `“${part.name}”`;
      return 'ui' in part ? part.ui : part.value;
    })
    .join('');
}

const WHOLE_DAY = dateFormat({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

/** "Monday, 16 November 2026 at 17:40 UTC". */
function exact(time: string): string {
  const date = new Date(time);
  return `${WHOLE_DAY.format(date)} at ${date.toISOString().slice(11, 16)} UTC`;
}
