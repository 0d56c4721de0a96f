/** What a report of credentials is limited to, and a campaign chooses by: the fields, and what they sent. */
import { IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import { Choice, Field, invalidField, oneOf, ProviderChoice, sent, type Tone } from '../pages/index.ts';
import { MARKS, type Mark, REPORT_STATES, type ReportFilter } from '../reports/index.ts';
import { type OfferedOrganizations, OrganizationChoice } from './organization-choice.tsx';

export const MARK_NAMES: Record<Mark, { name: string; tone?: Tone }> = {
  no_end: { name: 'never expires' },
  never_used: { name: 'never used', tone: 'warn' },
  used_after_replaced: { name: 'used after it was replaced', tone: 'warn' },
  weak: { name: 'weak import', tone: 'bad' },
  not_reviewed: { name: 'not reviewed' },
  to_be_ended: { name: 'review: revoke it', tone: 'bad' },
};
const STATE_NAMES = { live: 'Live', ended: 'Ended', all: 'Live and ended' } as const;

export function FilterFields({ offered, isLiveOnly = false }: { offered: OfferedOrganizations; isLiveOnly?: boolean }) {
  return (
    <>
      {!isLiveOnly && (
        <Choice
          label="State"
          name="states"
          options={REPORT_STATES.map((state) => [state, STATE_NAMES[state]])}
          value="live"
        />
      )}
      <Choice
        name="kind"
        any="Tokens and connections"
        options={[
          ['bearer', 'Tokens'],
          ['oauth', 'Connections'],
        ]}
      />
      <ProviderChoice any="All" />
      <Choice label="Notes" name="mark" any="All" options={MARKS.map((mark) => [mark, MARK_NAMES[mark].name])} />
      <Field label="Older than (days)" name="olderThanDays" />
      <Field label="Unused for (days)" name="unusedForDays" />
      <Field label="Expires within (days)" name="endsWithinDays" />
      <OrganizationChoice offered={offered} all="All" />
    </>
  );
}

/** Throws invalid_request. */
export function filterOf(query: URLSearchParams): ReportFilter {
  const one = <T extends string>(name: string, label: string, known: readonly T[]): T | undefined => {
    const given = sent(query, name);
    return given === undefined ? undefined : oneOf(known, given, name, label);
  };
  const days = (name: string, label: string): number | undefined => {
    const given = sent(query, name);
    if (given === undefined) return undefined;
    if (/^\d{1,5}$/.test(given)) return Number(given);
    throw invalidField(name, `${label} must be a number of days, such as 365. You entered ${given.slice(0, 30)}.`);
  };
  const marks = query
    .getAll('mark')
    .filter((given) => given !== '')
    .map((given) => oneOf(MARKS, given, 'mark', 'Notes'));
  return {
    organizationId: sent(query, 'organizationId'),
    directoryId: sent(query, 'directoryId'),
    states: one('states', 'State', REPORT_STATES),
    kind: one('kind', 'Kind', ['bearer', 'oauth']),
    provider: one('provider', 'Identity provider', IDENTITY_PROVIDER_IDS),
    ...(marks.length > 0 && { marks }),
    olderThanDays: days('olderThanDays', 'Older than'),
    unusedForDays: days('unusedForDays', 'Unused for'),
    endsWithinDays: days('endsWithinDays', 'Expires within'),
  };
}
