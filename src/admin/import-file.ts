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
const MOST_ROWS = 200;

/** Throws invalid_request for a file that cannot be read at all, or has too many rows; a row that cannot be read is told as one. */
export function readImportFile(format: ImportFormat, content: string): ImportRow[] {
  const rows = format === 'csv' ? readCsv(content) : readLines(content);
  if (rows.length > MOST_ROWS) {
    const detail = `The file has ${rows.length} rows; at most ${MOST_ROWS} fit into one request. Split it. It is safe to send imported rows again.`;
    throw new AppError('invalid_request', { detail });
  }
  return rows;
}

function readCsv(content: string): ImportRow[] {
  try {
    const records = parse(content, {
      bom: true,
      columns: true,
      info: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { info: { lines: number }; record: Record<string, string> }[];
    return records.map(({ info, record }) => ({ line: info.lines, fields: valuesOf(record) }));
  } catch (error) {
    // The message of the library repeats the row, and with it the secret.
    const { code = 'CSV', lines } = error as { code?: string; lines?: number };
    const detail = `The CSV cannot be read${lines === undefined ? '' : ` at line ${lines}`} (${code}). It needs a header with the field names, and the same number of values in each row.`;
    throw new AppError('invalid_request', { detail });
  }
}

function valuesOf(record: Record<string, string>): Record<string, unknown> {
  const given = Object.entries(record).filter(([, value]) => value !== '');
  return Object.fromEntries(given.map(([name, value]) => [name, readValue(name, value)]));
}

/** What is no number or neither true nor false stays a text, which the row is then refused for. */
function readValue(name: string, value: string): unknown {
  if (LISTS.has(name)) return value.split(/\s+/);
  if (NUMBERS.has(name)) return Number(value);
  if (BOOLEANS.has(name) && /^(?:true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return value;
}

function readLines(content: string): ImportRow[] {
  return content.split(/\r?\n/).flatMap((text, index) => {
    if (text.trim() === '') return [];
    const line = index + 1;
    try {
      const value = JSON.parse(text) as unknown;
      assertPlainText(value);
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [
        {
          line,
          fields: isObject ? (value as Record<string, unknown>) : { problem: 'The line must be a JSON object.' },
        },
      ];
    } catch (error) {
      const problem = isAppError(error) ? error.message : 'The line is not valid JSON.';
      return [{ line, fields: { problem } }];
    }
  });
}
