/** What operators and IT contacts do with a diagnosis: copy it for a ticket, and say that it is dealt with. */
import { DAY_MS } from '../clock.ts';
import { type Check, type Diagnoses, type Finding, ticketOf } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import { createSeen, type SeenDependencies } from './seen.ts';
import { momentOf } from './then.tsx';
import { Moment } from './times.tsx';
import { tokenCheckRoutes } from './token-check.tsx';
import { type Route, trailTo, type Visit } from './visit.tsx';

const MUTE_MS = 30 * DAY_MS;

export function diagnosisRoutes(
  deps: SeenDependencies & {
    diagnoses: Diagnoses;
    directories: Directories;
    check: Check;
    /** As customers know it. */
    vendor: string;
  },
): Route[] {
  const { diagnoses, check, vendor } = deps;
  const seen = createSeen(deps);

  async function ticket(visit: Visit) {
    const directory = await seen.directory(visit);
    const at = momentOf(visit.query, visit.now);
    const past = at && (await diagnoses.at(directory, at));
    const { findings, at: of } = past ?? (await diagnoses.now(directory));
    const [lead] = findings;
    const isForThem = visit.query.has('customer') && lead?.actor === 'it_contact';
    const reader = isForThem ? ({ audience: 'it_contact', vendor } as const) : visit.reader;
    const text = lead ? ticketOf(lead, past?.spoken ?? diagnoses.spoken(directory), reader) : '';
    const json = JSON.stringify({ directoryId: directory.id, at: of, findings: findings.map(shown) }, null, 2);
    return {
      title: `Report for a ticket: ${directory.name}`,
      heading: 'Report for a ticket',
      trail: trailTo(visit, directory),
      children: (
        <>
          <p class="soft">
            The state of the directory as of <Moment at={new Date(of)} />. It contains no secrets, and nothing about
            other organizations.
          </p>
          <Copyable title={isForThem ? "For the customer's IT contact" : 'As text'} text={text} />
          <Copyable title="As JSON" text={json} />
        </>
      ),
    };

    /** The IT contact of one organization sees no member of the vendor's team by name. */
    function shown({ facts: { by, usable, server, ...facts }, ...finding }: Finding) {
      const isOperator = visit.reader.audience === 'operator';
      const { by: _maker, ...known } = usable ?? {};
      return {
        ...finding,
        facts: {
          ...facts,
          ...(usable && { usable: isOperator ? usable : known }),
          ...(isOperator && { by, server }),
        },
      };
    }
  }

  return [
    { path: '/directories/:id/ticket', action: 'directories.read', get: ticket },
    {
      path: '/directories/:id/recovered',
      action: 'findings.settle',
      does: async (visit) => diagnoses.dismissRecovery(await seen.directory(visit), visit.attribution),
    },
    {
      path: '/directories/:id/quiet',
      action: 'findings.settle',
      async does(visit) {
        const directory = await seen.directory(visit);
        const until = visit.query.has('mute') && new Date(visit.now.getTime() + MUTE_MS);
        if (visit.query.has('report')) await diagnoses.reportSilence(directory, visit.attribution);
        else if (until) await diagnoses.muteSilence(directory, until, visit.attribution);
        else await diagnoses.expectSilence(directory, visit.attribution);
      },
    },
    ...tokenCheckRoutes(check),
  ];
}

function Copyable({ title, text }: { title: string; text: string }) {
  return (
    <section class="panel">
      <div class="head">
        <h2>{title}</h2>
      </div>
      <div class="copyable">
        <pre class="mono">{text}</pre>
        <button type="button" data-copy hidden aria-label={`Copy ${title.toLowerCase()}`}>
          Copy
        </button>
      </div>
    </section>
  );
}
