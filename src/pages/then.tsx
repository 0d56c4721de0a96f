/** The past of a directory: its timeline, and its state at a moment that somebody asks about. */
import { DAY_MS, dateFormat } from '../clock.ts';
import type { Diagnoses, Finding, PastDiagnosis, Timeline } from '../diagnosis/index.ts';
import type { Directory } from '../directories/index.ts';
import { titleOf } from './directory-view.ts';
import { invalidField } from './fields.tsx';
import { beganOf, Sentence, toneOf } from './findings.tsx';
import { Tabs } from './lists.tsx';
import { Dot, Tag, type Tone } from './parts.tsx';
import { SlotHead } from './slots.tsx';
import { TimelineDrawing } from './timeline.tsx';
import { Moment } from './times.tsx';
import { addressOf, useVisit, type Visit } from './visit.tsx';

const PERIODS = { '1': '24 hours', '7': '7 days', '30': '30 days', all: 'Everything' } as const;
type Period = keyof typeof PERIODS;

export interface Past {
  period: Period;
  timeline: Timeline;
  then?: PastDiagnosis;
}

/** What the query of a page asks for. Throws invalid_request. */
export async function readPast(diagnoses: Diagnoses, directory: Directory, { query, now }: Visit): Promise<Past> {
  const period = (Object.keys(PERIODS) as Period[]).find((one) => one === query.get('period')) ?? '7';
  const earliest = directory.createdAt.getTime();
  const begin = period === 'all' ? earliest : now.getTime() - Number(period) * DAY_MS;
  const at = momentOf(query, now);
  const [timeline, then] = await Promise.all([
    diagnoses.timeline(directory, {
      from: new Date(Math.min(begin, now.getTime() - 1)),
      to: new Date(now.getTime() + 1),
    }),
    at && diagnoses.at(directory, at),
  ]);
  return { period, timeline, ...(then && { then }) };
}

/** A moment in UTC such as 2026-11-16T17:30; undefined when none is asked for. Throws invalid_request. */
export function momentOf(query: URLSearchParams, now: Date): Date | undefined {
  const given = query.get('at')?.trim();
  if (!given) return undefined;
  const at = new Date(/[zZ]$/.test(given) ? given : `${given}Z`);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(given) && !Number.isNaN(at.getTime())) return at > now ? now : at;
  throw invalidField('at', `State at must be a time such as 2026-11-16T17:30. You entered ${given.slice(0, 30)}.`);
}

/** `lead`: of the diagnosis of now. */
export function PastPanel(props: { past: Past; lead: Finding | undefined; directory: Directory }) {
  const { past, lead, directory } = props;
  const { period, timeline, then } = past;
  const { now } = useVisit();
  const asked = then && new Date(then.at);
  const hrefOf = (key: string) => `?period=${key}${asked ? `&at=${minuteOf(asked)}` : ''}#timeline`;
  return (
    <>
      <section class="panel" id="timeline">
        <div class="head">
          <h2>Timeline</h2>
          <Tabs
            label="Period"
            tabs={Object.entries(PERIODS).map(([key, name]) => [hrefOf(key), name])}
            current={hrefOf(period)}
          />
        </div>
        <TimelineDrawing timeline={timeline} since={lead && beganOf(lead)} />
        <form class="acts" action="#then">
          <input type="hidden" name="period" value={period} />
          <label class="acts">
            <span>State at (UTC)</span>
            <input
              type="datetime-local"
              name="at"
              class="moment"
              value={minuteOf(asked ?? now)}
              max={minuteOf(now)}
              required
            />
          </label>
          <button type="submit">Show</button>
        </form>
      </section>
      {then && asked && <Then then={then} at={asked} directory={directory} />}
    </>
  );
}

const STATES: Record<PastDiagnosis['credentials'][number]['state'], [name: string, tone: Tone]> = {
  pending: ['waiting for its first use', 'warn'],
  active: ['active', 'ok'],
  disabled: ['disabled', 'bad'],
  revoked: ['revoked', 'off'],
  expired: ['expired', 'off'],
};

function Then({ then, at, directory }: { then: PastDiagnosis; at: Date; directory: Directory }) {
  const visit = useVisit();
  const [lead] = then.findings;
  const isBefore = at < directory.createdAt;
  const held = then.credentials.filter(
    ({ state }) => state === 'active' || state === 'disabled' || state === 'pending',
  );
  return (
    <section class="panel" id="then">
      <div class="head">
        <h2>On {spelled(at)}</h2>
        <a href={`${addressOf(visit, directory)}/ticket?at=${minuteOf(at)}`}>
          <small>Text and JSON</small>
        </a>
      </div>
      {isBefore ? (
        <p>
          This directory did not exist yet. It was created <Moment at={directory.createdAt} />.
        </p>
      ) : (
        <>
          {then.keptSince && then.keptSince > at && (
            <p class="soft">
              Our records begin <Moment at={then.keptSince} />, so we have no data for this time.
            </p>
          )}
          {lead && (
            <p class="line then">
              <Dot tone={toneOf(lead)} />
              <span>
                <Sentence finding={lead} spoken={then.spoken} />
              </span>
            </p>
          )}
          <div class="two">
            {(['a', 'b'] as const).map((slot) => {
              const credential = held.find((one) => one.slot === slot);
              if (!credential) {
                return (
                  <div class="slot free">
                    <SlotHead slot={slot} title={<b>Empty</b>} />
                  </div>
                );
              }
              const [name, tone] = STATES[credential.state];
              const { kind, hint, label, createdAt, expiresAt, lastUsedAt } = credential;
              return (
                <div class="slot">
                  <SlotHead slot={slot} title={<b>{titleOf({ label, kind })}</b>} />
                  <Tag tone={tone}>{name}</Tag>
                  <small>
                    {kind === 'bearer' && `…${hint}. `}Created <Moment at={createdAt} />.{' '}
                    {expiresAt && (
                      <>
                        Expires <Moment at={expiresAt} />.{' '}
                      </>
                    )}
                    {lastUsedAt ? (
                      <>
                        Last used in the hour before <Moment at={lastUsedAt} />.
                      </>
                    ) : (
                      'Not used before then.'
                    )}
                  </small>
                </div>
              );
            })}
          </div>
          <small>Tokens, connections and the directory are exact. Requests are counted by the hour.</small>
        </>
      )}
    </section>
  );
}

/** As the field for a moment has it. */
function minuteOf(at: Date): string {
  return at.toISOString().slice(0, 16);
}

const WHOLE_DAY = dateFormat({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

function spelled(at: Date): string {
  return `${WHOLE_DAY.format(at)} at ${at.toISOString().slice(11, 16)} UTC`;
}
