/**
 * PROVES. What those ask who must show that access is under control: every credential with its age, use and end; campaigns that move many of
 * them; and a packet of evidence for a period, from the audit trail.
 */

export {
  CAMPAIGN_STATES,
  type Campaign,
  type CampaignState,
  GOALS,
  type Goal,
  MEMBER_STATES,
  type Member,
  type MemberState,
} from './campaign-records.ts';
export { type Campaigns, createCampaigns, MOST_MEMBERS, type Preview } from './campaigns.ts';
export {
  type CredentialReport,
  type CredentialRow,
  createCredentialReport,
  MARKS,
  type Mark,
  REPORT_SORTS,
  REPORT_STATES,
  type ReportFilter,
  type ReportSort,
} from './credential-rows.ts';
export {
  createEvidence,
  type Evidence,
  type EvidenceQuery,
} from './evidence.ts';
export { evidenceAsCsv } from './evidence-csv.ts';
export { type EvidencePacket, type EvidenceRow, SECTION_IDS, SECTIONS, type SectionId } from './packet.ts';
