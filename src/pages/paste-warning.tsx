/** What went wrong with the last paste, where the next value is copied. */
import type { Diagnosis, Finding } from '../diagnosis/index.ts';
import { troubleOf } from './findings.tsx';

const WARNINGS: Partial<Record<Finding['code'], string>> = {
  token_with_blanks: 'The last one arrived with a space or line break in it. Paste this one without any.',
  client_secret_has_blanks: 'The last one arrived with a space or line break in it. Paste this one without any.',
  token_truncated: 'The last one arrived incomplete. Use the copy button, and clear the field before you paste.',
  token_doubled: 'The last one arrived twice in one field. Clear the field before you paste.',
  scheme_twice: 'The word Bearer arrived twice. Paste the value alone.',
  header_name_in_value: 'The header name arrived with the last one. Paste the value alone.',
  value_quoted: 'The last one arrived in quotation marks. Paste the value alone.',
};

export function PasteWarning({ diagnosis }: { diagnosis: Diagnosis }) {
  const warning = WARNINGS[troubleOf(diagnosis)?.code ?? 'working'];
  return warning === undefined ? null : <b> {warning}</b>;
}
