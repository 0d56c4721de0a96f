/** A file of what is moved in: CSV with a header, or one JSON object a line. Rows come out as the API would have read them. */
import { parse } from 'csv-parse/sync';
import { AppError, isAppError } from '../errors.ts';
import { assertPlainText } from '../http/plain-text.ts';

export const IMPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

export interface ImportRow {
  /** In the file, from 1. */
  line: number;
  fields: Record<string, unknown> | { problem: string };
}

/** In CSV their values are separated by blanks. */
const LISTS = new Set(['redirectUris', 'grantTypes', 'scopes']);
const BOOLEANS = new Set(['allowWeak', 'rotateRefreshTokens']);
const NUMBERS = new Set(['accessTokenSeconds', 'maximumAgeDays', 'idleDays']);
/** Words of ours, which have no capitals. */
const WORDS = new Set(['type', 'provider']);
const MOST_ROWS = 200;

/** `known`: the names of all fields. Throws invalid_request for a file that cannot be read at all, or has too many rows; a row that cannot be read is told as one. */
export function readImportFile(format: ImportFormat, content: string, known: readonly string[]): ImportRow[] {
  const rows = format === 'csv' ? readCsv(content, known) : readLines(content.replaceAll(RECORD_SEPARATOR, ''));
  if (rows.length > MOST_ROWS) {
    const detail = `The file has ${rows.length} rows; at most ${MOST_ROWS} fit into one request. Split it. It is safe to send imported rows again.`;
    throw new AppError('invalid_request', { detail });
  }
  return rows;
}

function readCsv(content: string, known: readonly string[]): ImportRow[] {
  // What Excel puts in front of a file whose values are not separated by commas.
  const text = content.replace(/^\ufeff?sep=(.)\r?\n/i, '\n');
  try {
    const records = parse(text, {
      bom: true,
      columns: (header: string[]) => namesOf(header, known),
      delimiter: delimiterOf(text),
      info: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
      trim: true,
    }) as unknown as { info: { lines: number }; record: Record<string, string> }[];
    return records.map(({ info, record }) => ({ line: info.lines, fields: valuesOf(record) }));
  } catch (error) {
    if (isAppError(error)) throw error;
    // The message of the library repeats the row, and with it the secret.
    const { code = 'CSV', lines } = error as { code?: string; lines?: number };
    const detail = `The CSV cannot be read${lines === undefined ? '' : ` at line ${lines}`} (${code}). It needs a header with the field names, and the same number of values in each row.`;
    throw new AppError('invalid_request', { detail });
  }
}

/** By the header, in which no name has any of these in it: spreadsheets of many countries write semicolons. */
function delimiterOf(text: string): string {
  const [header = ''] = text.trimStart().split(/\r\n?|\n/, 1);
  const counts = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: header.split(delimiter).length }));
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).delimiter;
}

const lettersOf = (name: string) => name.replace(/[\s_-]/g, '').toLowerCase();

/** The names of the columns, however a spreadsheet has written them. Throws invalid_request for no header, and for a name that comes twice. */
function namesOf(header: string[], known: readonly string[]): string[] {
  const byLetters = new Map(known.map((name) => [lettersOf(name), name]));
  const names = header.map((name) => byLetters.get(lettersOf(name)) ?? name);
  if (!names.includes('type'))
    throw new AppError('invalid_request', {
      detail: 'The first line must be a header with the field names, such as type, directory and token.',
    });
  const twice = known.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) throw new AppError('invalid_request', { detail: `The header contains ${twice} twice.` });
  return names;
}

function valuesOf(record: Record<string, string>): Record<string, unknown> {
  const given = Object.entries(record).filter(([, value]) => value !== '');
  return Object.fromEntries(given.map(([name, value]) => [name, readValue(name, value)]));
}

/** What is no number or neither true nor false stays a text, which the row is then refused for. */
function readValue(name: string, value: string): unknown {
  if (LISTS.has(name))
    return value.split(name === 'redirectUris' ? /\s+|[,;](?=\s*https?:)/ : /[\s,;]+/).filter((item) => item !== '');
  if (WORDS.has(name)) return value.toLowerCase();
  if (NUMBERS.has(name)) return Number(value);
  if (BOOLEANS.has(name) && /^(?:true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return value;
}

/** Of JSON text sequences (RFC 7464). */
const RECORD_SEPARATOR = '\u001e';
const AROUND_LINE = /^[\ufeff\s]+|[\s,]+$/g;

function readLines(content: string): ImportRow[] {
  const list = listOf(content);
  if (list) return list.map((value, index) => ({ line: index + 1, fields: fieldsOf(value) }));
  return content.split(/\r\n?|\n/).flatMap((given, index) => {
    const text = given.replace(AROUND_LINE, '');
    if (text === '') return [];
    const line = index + 1;
    try {
      return [{ line, fields: fieldsOf(JSON.parse(text)) }];
    } catch {
      return [{ line, fields: { problem: 'The line is not valid JSON.' } }];
    }
  });
}

/** The file as one list, which is what most programs write. */
function listOf(content: string): unknown[] | undefined {
  const text = content.replace(AROUND_LINE, '');
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}

/** Where null means something of its own. Elsewhere it is what programs write for a field that is not there. */
const NULLABLE = new Set(['secretExpiresAt']);

function fieldsOf(value: unknown): ImportRow['fields'] {
  try {
    assertPlainText(value);
  } catch (error) {
    return { problem: isAppError(error) ? error.message : 'The line is not valid.' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { problem: 'The line must be a JSON object.' };
  return Object.fromEntries(Object.entries(value).filter(([name, item]) => item !== null || NULLABLE.has(name)));
}
