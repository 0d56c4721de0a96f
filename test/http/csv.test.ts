/** Files of rows that spreadsheets open, whichever sign they separate values by. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { csvLine } from '../../src/http/csv.ts';

const FORMULA = "=cmd|' /C calc'!A0";

describe('a line of CSV', () => {
  it('gives its values back, and quotes what needs it', () => {
    const values = ['plain', 'a "word", and more', 'two\nlines', ''];
    assert.deepEqual(parse(csvLine(values)), [values]);
    assert.equal(csvLine([undefined, null, new Date(0), { a: 1 }]), ',,1970-01-01T00:00:00.000Z,"{""a"":1}"\r\n');
  });

  it('has no formula, also for a program that splits it at semicolons or tabs', () => {
    const starts = ['', ' ', '"', '""', ' " '];
    const before = ['', 'x', ';', 'x;', '\t', 'x\t', '\n', 'x\r\n', 'x,'];
    for (const sign of ['=', '+', '-', '@'])
      for (const prefix of before.flatMap((one) => starts.map((start) => one + start))) {
        const line = csvLine(['first', prefix + FORMULA.replace('=', sign), 'last']);
        for (const delimiter of [',', ';', '\t'])
          for (const field of fieldsOf(line, delimiter))
            assert.doesNotMatch(field, /^\s*[=+\-@]/, JSON.stringify({ line, delimiter }));
      }
  });
});

/** As spreadsheets do: quotes count at the beginning of a field alone, and what follows the closing one belongs to it. */
function fieldsOf(text: string, delimiter: string): string[] {
  const fields = [''];
  let isStart = true;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at);
    const isEscaped = isQuoted && sign === '"' && text.charAt(at + 1) === '"';
    if (isEscaped) at++;
    if (isQuoted && sign === '"' && !isEscaped) isQuoted = false;
    else if (isStart && sign === '"') isQuoted = true;
    else if (!isQuoted && (sign === delimiter || sign === '\n' || sign === '\r')) {
      fields.push('');
      isStart = true;
      continue;
    } else fields[fields.length - 1] += sign;
    isStart = false;
  }
  return fields;
}
