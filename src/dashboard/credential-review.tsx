/** The review of one credential: whether it is still needed, as an auditor asks once a year. */
import { REVIEW_DECISIONS } from '../credentials/index.ts';
import { chosen, counted, Details, Field, Form, Last, Pick, Submit, sent, Tag, Time } from '../pages/index.ts';
import type { Mark } from '../reports/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { MARK_NAMES } from './report-filter.tsx';
import { REPORTS, REPORTS_TRAIL } from './report-tabs.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const DECISIONS = {
  keep: { name: 'Keep it', text: 'It is still needed.' },
  end: { name: 'Revoke it', text: 'You can do that on the next page. Until then, it keeps working.' },
} as const;

export function reviewRoutes({ credentialReport, credentials }: DashboardDependencies): Route[] {
  async function review({ id }: Visit) {
    const { credential, directory, organization, total, marks, ageDays } = await credentialReport.rowOf(
      await credentials.get(id),
    );
    const { label, hint, kind, review: last, expiresAt, createdBy, directoryId } = credential;
    return {
      title: `Review ${label ?? `…${hint}`}`,
      trail: REPORTS_TRAIL,
      isNarrow: true,
      children: (
        <>
          <section class="panel">
            <Details
              of={[
                [kind === 'oauth' ? 'Connection' : 'Token', `…${hint}`, 'mono'],
                [
                  'Directory',
                  <>
                    <a href={`${HOME}/directories/${directoryId}`}>{directory?.name ?? 'deleted'}</a>,{' '}
                    {organization?.name ?? 'deleted'}
                  </>,
                ],
                ['Created', `${counted(ageDays, 'day')} ago by ${createdBy.name}`],
                ['Last used', <Last at={total?.lastUsedAt} never="Never" />],
                ['Expires', <Last at={expiresAt} never="Never" />],
                last && [
                  'Last review',
                  <>
                    {last.by.name}, <Time at={last.at} />: {last.decision}
                    {last.note !== undefined && <>, “{last.note}”</>}
                  </>,
                ],
              ]}
            />
            {marks.length > 0 && <Marks marks={marks} />}
          </section>
          <section class="panel">
            <Form class="fields">
              <fieldset class="choices">
                <legend>Is it still needed?</legend>
                {REVIEW_DECISIONS.map((decision) => (
                  <Pick
                    name="decision"
                    value={decision}
                    isOn={last?.decision === decision}
                    isRequired
                    label={DECISIONS[decision].name}
                    hint={DECISIONS[decision].text}
                  />
                ))}
              </fieldset>
              <Field name="note" label="Note" hint="The reason, for the auditor. It stays in the audit trail." />
              <Submit name="Record review" back={REPORTS} />
            </Form>
          </section>
        </>
      ),
    };
  }

  return [
    {
      path: '/reports/review/:id',
      action: 'credentials.review',
      get: review,
      async post({ id, form, attribution }) {
        const decision = chosen(form, 'decision', REVIEW_DECISIONS);
        await credentials.review(id, { decision, note: sent(form, 'note') }, attribution);
        // Ending it is a step of its own, which asks first.
        return decision === 'end' ? `${HOME}/credentials/${id}/revoke` : REPORTS;
      },
    },
  ];
}

export function Marks({ marks }: { marks: readonly Mark[] }) {
  return (
    <span class="acts">
      {marks.map((mark) => (
        <Tag tone={MARK_NAMES[mark].tone}>{MARK_NAMES[mark].name}</Tag>
      ))}
    </span>
  );
}
