/** An evidence packet as rows for a spreadsheet: all sections in one table. */
import { csvLine } from '../http/csv.ts';
import { type EvidencePacket, SECTION_IDS, SECTIONS } from './packet.ts';

const COLUMNS = [
  'section',
  'at',
  'organization',
  'directory',
  'subject',
  'what',
  'by',
  'expiresAt',
  'firstUsedAt',
  'minutes',
  'note',
  'eventIds',
  'organizationId',
  'directoryId',
  'credentialId',
] as const;

/** The header, then section by section. */
export function* evidenceAsCsv({ sections }: EvidencePacket): Generator<string> {
  yield csvLine(COLUMNS);
  for (const id of SECTION_IDS)
    yield sections[id]
      .map((row) => ({ ...row, section: SECTIONS[id], eventIds: row.eventIds.join(' ') }))
      .map((row) => csvLine(COLUMNS.map((column) => row[column])))
      .join('');
}
