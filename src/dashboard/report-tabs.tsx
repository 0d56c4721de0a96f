import { Tabs, type Trail } from '../pages/index.ts';
import { HOME, PLACES } from './visit.ts';

export const REPORTS = `${HOME}/reports`;
export const REPORTS_TRAIL: Trail = [PLACES.reports];

const TABS = {
  credentials: [REPORTS, 'Credentials'],
  campaigns: [`${REPORTS}/campaigns`, 'Campaigns'],
  evidence: [`${REPORTS}/evidence`, 'Evidence'],
} as const;

/** The pages of reports, side by side. */
export function ReportTabs({ current }: { current: keyof typeof TABS }) {
  return <Tabs label="Reports" tabs={Object.values(TABS)} current={TABS[current][0]} is="page" />;
}
