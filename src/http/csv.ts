/** Rows for spreadsheets (RFC 4180). */

/** One line; dates as ISO times, objects as JSON, nothing for undefined and null. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(cell).join(',')}\r\n`;
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
  // A spreadsheet may split at semicolons and tabs, too.
  const inert = text.replace(/(^|[;\t\r\n])(?=[=+\-@\t\r])/g, "$1'");
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
