/** What happened to a directory, drawn: changes by people above, traffic below; silence is hatched, refusals are striped and taller. */
import type { VNode } from 'preact';
import { DAY_MS, dateFormat, HOUR_MS } from '../clock.ts';
import { CODES, type Run, type Timeline, timeOf } from '../diagnosis/index.ts';
import { placeOf } from './directory-view.ts';
import { tellOf } from './events.tsx';
import { capital, counted } from './parts.tsx';
import { TimelineTable } from './timeline-table.tsx';
import { useVisit } from './visit.tsx';

/** As wide as the room beside the names of the lanes on a wide page, so that nothing is scaled. */
const WIDTH = 832;
const RIGHT = 10;
/** Nearer to the end, the name of a mark would be cut. */
const LABEL = 56;
const TOP = 20;
const LANE = 34;
/** Less would not be seen. */
const NARROWEST = 3;
/** Marks of the axis at most. */
const MARKS = 9;

interface Lane {
  name: string;
  runs: readonly Run[];
  /** While there was a token or connection. */
  held: readonly { from: Date; to: Date; hint: string }[];
  empty?: string;
}

/** `since`: when the trouble of now began; without it, the first of the period is marked. */
export function TimelineDrawing({ timeline, since }: { timeline: Timeline; since: Date | undefined }) {
  const visit = useVisit();
  const { from, to, changes, troubles } = timeline;
  const lanes = lanesOf(timeline);
  const span = Math.max(1, to.getTime() - from.getTime());
  const x = (at: Date) => Math.min(1, Math.max(0, (at.getTime() - from.getTime()) / span)) * (WIDTH - RIGHT);
  const wide = (a: Date, b: Date) => Math.max(NARROWEST, x(b) - x(a));
  const bottom = TOP + LANE * (lanes.length + 2);
  const y = (lane: number) => TOP + LANE * lane;
  const marked = since ?? troubles[0]?.firstAt;
  const mark = marked && marked >= from ? marked : undefined;
  return (
    <>
      <div class="timeline">
        <ul class="lanes" aria-hidden="true">
          {['Changes', ...lanes.map(({ name }) => name), 'Refused or failed'].map((name) => (
            <li>{name}</li>
          ))}
        </ul>
        <section class="scroll late" aria-label="Timeline, one lane per part" tabindex={0}>
          <svg width={WIDTH} height={bottom} role="img" aria-label="Timeline, one lane per part">
            <defs>
              <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <rect width="2" height="6" class="hatch" />
              </pattern>
              <pattern id="refused" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
                <rect width="3.5" height="5" class="stripe" />
              </pattern>
            </defs>
            {marksOf(from, to).map((mark) => (
              <g>
                <line class="axis" x1={x(mark)} x2={x(mark)} y1={TOP} y2={bottom - 8} />
                {x(mark) < WIDTH - LABEL && (
                  <text x={x(mark) + 6} y={14}>
                    {markName(mark, span)}
                  </text>
                )}
              </g>
            ))}
            {mark && <line class="then" x1={x(mark)} x2={x(mark)} y1={TOP} y2={bottom - 4} />}
            {changes.map((event) => (
              <circle class="act" cx={x(timeOf(event))} cy={y(0) + 18} r={5}>
                <title>{`${stamp(timeOf(event))}: ${tellOf(event, visit).text}, ${visit.nameOf(event.actor)}`}</title>
              </circle>
            ))}
            {lanes.map((lane, index) => (
              <g>
                {lane.held.map((held) => (
                  <>
                    <rect
                      class="held"
                      x={x(held.from)}
                      y={y(index + 1) + 9}
                      width={wide(held.from, held.to)}
                      height={18}
                      rx={4}
                    />
                    {held.hint !== '' && (
                      <text class="name" x={x(held.from) + 2} y={y(index + 1) + 6}>
                        …{held.hint}
                      </text>
                    )}
                  </>
                ))}
                {quietOf(lane.runs).map((quiet) => (
                  <rect
                    class="quiet"
                    x={x(quiet.from)}
                    y={y(index + 1) + 12}
                    width={wide(quiet.from, quiet.to)}
                    height={12}
                  >
                    <title>{`${period(quiet.from, quiet.to)}: no requests`}</title>
                  </rect>
                ))}
                {lane.runs.map((run) => (
                  <RunMark run={run} x={x(run.from)} y={y(index + 1)} width={wide(run.from, run.to)} />
                ))}
                {lane.runs.length === 0 && lane.empty !== undefined && (
                  <text x={x(to) - 6} y={y(index + 1) + 22} text-anchor="end">
                    {lane.empty}
                  </text>
                )}
              </g>
            ))}
            {troubles.map(({ says, firstAt, lastAt, count }) => (
              <rect
                class="bad"
                x={x(firstAt)}
                y={y(lanes.length + 1) + 9}
                width={wide(firstAt, lastAt)}
                height={18}
                rx={2}
              >
                <title>{`${period(firstAt, lastAt)}: ${says} ${counted(count, 'request')}.`}</title>
              </rect>
            ))}
          </svg>
        </section>
      </div>
      {mark && (
        <p class="timeline-mark">
          <small>
            {since ? 'Since' : 'First'}: {stamp(mark)}
          </small>
        </p>
      )}
      <Key />
      <p class="unseen">The table below shows the same data.</p>
      <TimelineTable timeline={timeline} />
    </>
  );
}

/** What each mark means; none is told by its colour alone. */
const KEY: readonly (readonly [means: string, mark: VNode])[] = [
  ['Change', <circle class="act" cx={10} cy={9} r={5} />],
  ['Accepted, by the hour', <rect class="ok" y={3} width={20} height={12} rx={2} />],
  ['Refused or failed', <rect class="bad" x={0.5} y={0.5} width={19} height={17} rx={2} />],
  ['No requests for more than a day', <rect class="quiet" y={3} width={20} height={12} />],
];

function Key() {
  return (
    <ul class="legend" aria-hidden="true">
      {KEY.map(([means, mark]) => (
        <li>
          <svg width={20} height={18} aria-hidden="true">
            {mark}
          </svg>
          {means}
        </li>
      ))}
    </ul>
  );
}

function RunMark({ run, x, y, width }: { run: Run; x: number; y: number; width: number }): VNode {
  const { from, to, accepted, refused } = run;
  const title = `Between ${stamp(from)} and ${stamp(to)}: ${accepted.toLocaleString('en')} accepted, ${refused.toLocaleString('en')} refused or failed`;
  return (
    <g>
      <title>{title}</title>
      {accepted > 0 && <rect class="ok" x={x} y={y + 12} width={width} height={refused > 0 ? 7 : 12} rx={2} />}
      {refused > 0 && (
        <rect class="bad" x={x} y={accepted > 0 ? y + 19 : y + 9} width={width} height={accepted > 0 ? 8 : 18} rx={2} />
      )}
    </g>
  );
}

function lanesOf({ from, to, changes, credentials, tokenEndpoint, scimServer, troubles }: Timeline): Lane[] {
  const slots = (['a', 'b'] as const).map((slot): Lane => {
    const held = credentials.filter((credential) => credential.slot === slot);
    return {
      name: `${capital(placeOf(slot))} credential`,
      runs: held.flatMap(({ runs }) => runs).sort((a, b) => a.from.getTime() - b.from.getTime()),
      held: held
        .map(({ createdAt, hint, endedAt = to }) => ({
          hint,
          from: createdAt < from ? from : createdAt,
          to: endedAt > to ? to : endedAt,
        }))
        .filter((period) => period.to > period.from),
    };
  });
  // Without any credential, nothing says yet how the directory is going to be connected.
  const mayUseTokens =
    credentials.length === 0 ||
    tokenEndpoint.length > 0 ||
    credentials.some(({ kind }) => kind === 'oauth') ||
    changes.some(({ type }) => type.startsWith('client.') || type.startsWith('connection.')) ||
    troubles.some(({ code }) => CODES[code].group === 'token_endpoint');
  return [
    ...slots,
    {
      name: 'Token endpoint',
      runs: tokenEndpoint,
      held: [],
      empty: mayUseTokens ? 'no requests' : 'not involved',
    },
    { name: 'SCIM server', runs: scimServer, held: [], empty: 'no responses seen' },
  ];
}

/** Between runs that are more than a day apart. */
function quietOf(runs: readonly Run[]): { from: Date; to: Date }[] {
  return runs.flatMap((run, index) => {
    const next = runs[index + 1];
    return next && next.from.getTime() - run.to.getTime() > DAY_MS ? [{ from: run.to, to: next.from }] : [];
  });
}

function marksOf(from: Date, to: Date): Date[] {
  const span = to.getTime() - from.getTime();
  const unit = span <= 2 * DAY_MS ? 3 * HOUR_MS : DAY_MS;
  const step = Math.max(1, Math.ceil(span / unit / MARKS)) * unit;
  const marks: Date[] = [];
  for (let at = Math.ceil(from.getTime() / unit) * unit; at < to.getTime(); at += step) marks.push(new Date(at));
  return marks;
}

function markName(at: Date, span: number): string {
  if (span <= 2 * DAY_MS) return at.toISOString().slice(11, 16);
  return (span <= 10 * DAY_MS ? WEEKDAY : MONTH_DAY).format(at);
}

const WEEKDAY = dateFormat({ weekday: 'short', day: 'numeric' });
const MONTH_DAY = dateFormat({ day: 'numeric', month: 'short' });
const WHOLE_DAY = dateFormat({ weekday: 'short', day: 'numeric', month: 'short' });

function period(from: Date, to: Date): string {
  return stamp(from) === stamp(to) ? stamp(from) : `${stamp(from)} to ${stamp(to)}`;
}

function stamp(at: Date): string {
  return `${WHOLE_DAY.format(at)} ${at.toISOString().slice(11, 16)} UTC`;
}
