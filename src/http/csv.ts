/** Rows for spreadsheets (RFC 4180). */

/** One line; dates as ISO times, objects as JSON, nothing for undefined and null. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(cell).join(',')}\r\n`;
}

/** Columns by their names, each with what it reads of an item. */
export type CsvColumns<T> = readonly (readonly [name: string, read: (item: T) => unknown])[];

export function csvHead<T>(columns: CsvColumns<T>): string {
  return csvLine(columns.map(([name]) => name));
}

export function csvRows<T>(columns: CsvColumns<T>, items: readonly T[]): string {
  return items.map((item) => csvLine(columns.map(([, read]) => read(item)))).join('');
}

/** The header, then batch by batch, as fast as they are taken. */
export async function* csvFile<T>(
  columns: CsvColumns<T>,
  batches: AsyncIterable<readonly T[]>,
): AsyncGenerator<string> {
  yield csvHead(columns);
  for await (const items of batches) yield csvRows(columns, items);
}

/** What a spreadsheet would take for a formula is kept from being one. */
function cell(value: unknown): string {
  const text =
    value === undefined || value === null
      ? ''
      : value instanceof Date
        ? value.toISOString()
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value);
  // A spreadsheet may split at semicolons and tabs, too. What we quote begins with a quote there, and then goes on behind an empty text.
  const inert = text.replace(/(?<=^|[;\t\r\n])(?=[ "]*[=+\-@\t\r])/g, "'");
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
