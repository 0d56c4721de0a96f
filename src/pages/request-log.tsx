/** The request log of a directory: what the gateway accepted and what became of it, for operators and, where it is on, for IT contacts. */
import { type Diagnoses, type LoggedRequest, REQUEST_LOG_DAYS, requestsAsCsv } from '../diagnosis/index.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { Act } from './forms.tsx';
import { Head, More } from './heads.tsx';
import { Go, Moment, Tag, type Tone } from './parts.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import type { Route, Visit } from './visit.tsx';

const PAGE = 50;
const EXPORT_PAGE = 200;

const KINDS: Record<LoggedRequest['kind'], string> = {
  look_up: 'Look up users',
  create: 'Create a user',
  update: 'Update a user',
  delete: 'Delete a user',
  group: 'Groups',
  discovery: 'Discovery',
};

const FAILURES: Record<Exclude<LoggedRequest['outcome'], 'ok' | 'normal_refusal'>, string> = {
  not_set: 'No SCIM server URL',
  unreachable: 'Not reached',
  refuses_us: 'Rejected our request',
  wrong_base: 'Nothing at its base URL',
  not_scim: 'Not SCIM',
  rejects_content: 'Content rejected',
  failing: 'Server error',
  cut: 'Cut off',
  slow: 'Too slow',
  limits: 'Rate limited',
};

export function requestLogRoutes(deps: SeenDependencies & { diagnoses: Diagnoses }): Route[] {
  const { diagnoses, directories, credentials } = deps;
  const seen = createSeen(deps);

  /** To IT contacts a log that is off is not there. */
  async function logged(visit: Visit): Promise<Directory> {
    const directory = await seen.directory(visit);
    if (directory.requestLog !== true && visit.reader.audience === 'it_contact') throw new AppError('not_found');
    return directory;
  }

  async function page(visit: Visit) {
    const directory = await logged(visit);
    const isOn = directory.requestLog === true;
    const after = visit.query.get('after') ?? undefined;
    const { items, nextCursor } = await diagnoses.requestLog.page(directory.id, { after, limit: PAGE });
    const names = await namesOf(items);
    const address = `${visit.home}/directories/${directory.id}`;
    return {
      title: `Request log of ${directory.name}`,
      place: 'organizations',
      children: (
        <>
          <Head trail={[...(visit.trail ?? []), [address, directory.name]]} title="Request log">
            <Go href={refusalsOf(visit, directory.id)} name="Refused requests" />
            {items.length > 0 && <Go href={`${address}/requests.csv`} name="Export CSV" />}
            {visit.may('directories.change') && (
              <Act visit={visit} action={`${address}/requests`} name={isOn ? 'Turn off' : 'Turn on'} />
            )}
          </Head>
          <p class="soft">
            {isOn
              ? `Accepted requests of the last ${REQUEST_LOG_DAYS} days. Bodies, filters and names are never stored.`
              : 'The log is off. When it is on, you and the IT contact can see each accepted request. Bodies, filters and names are never stored.'}
          </p>
          {items.length === 0 ? (
            <section class="panel empty">
              <h2>No requests in the log</h2>
              <p class="soft">
                {isOn ? 'The next accepted request appears here within seconds.' : 'Turn it on first.'}
              </p>
            </section>
          ) : (
            <section class="panel list">
              <div class="scroll">
                <table class="stacked">
                  <thead>
                    <tr>
                      <th>When</th>
                      <th>Request</th>
                      <th>Response</th>
                      <th>Duration</th>
                      <th>Credential</th>
                      <th>Request ID</th>
                    </tr>
                  </thead>
                  <tbody>
                    {items.map((request) => (
                      <Row request={request} name={names.get(request.credentialId)} visit={visit} />
                    ))}
                  </tbody>
                </table>
              </div>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  /** The ends of tokens, as people know them. */
  async function namesOf(items: readonly LoggedRequest[]): Promise<Map<string, string>> {
    const ids = [...new Set(items.map(({ credentialId }) => credentialId))];
    const found = await Promise.all(ids.map((id) => credentials.find(id)));
    return new Map(
      found
        .filter((one) => one !== undefined)
        .map(({ id, kind, hint, label }) => [id, kind === 'oauth' ? (label ?? 'Connection') : `…${hint}`]),
    );
  }

  async function download(visit: Visit) {
    const { id, name } = await logged(visit);
    async function* lines() {
      let after: string | undefined;
      let isFirst = true;
      do {
        const { items, nextCursor } = await diagnoses.requestLog.page(id, { after, limit: EXPORT_PAGE });
        const text = requestsAsCsv(items);
        yield isFirst ? text : text.slice(text.indexOf('\n') + 1);
        isFirst = false;
        after = nextCursor ?? undefined;
      } while (after !== undefined);
    }
    const file = name.replace(/[^\w-]+/g, '-').slice(0, 60);
    return { title: '', children: null, download: { name: `requests-${file}.csv`, type: 'text/csv', body: lines() } };
  }

  return [
    { path: '/directories/:id/requests', action: 'directories.read', get: page },
    { path: '/directories/:id/requests.csv', action: 'directories.read', get: download },
    {
      path: '/directories/:id/requests',
      action: 'directories.change',
      on: '/directories/:id/requests',
      async post(visit) {
        const { id, requestLog } = await seen.directory(visit);
        await directories.change(id, { requestLog: requestLog !== true }, visit.attribution);
        return `${visit.home}/directories/${id}/requests`;
      },
    },
  ];
}

/** Where the audit trail lists what was refused at a directory, which is in no log of accepted requests. */
function refusalsOf({ auditPath, home }: Visit, directoryId: string): string {
  return auditPath === undefined
    ? `${home}/directories/${directoryId}/audit?type=refused`
    : `${auditPath}?directoryId=${directoryId}&type=refused`;
}

function Row({ request, name, visit }: { request: LoggedRequest; name: string | undefined; visit: Visit }) {
  const { at, method, kind, outcome, status, durationMs, requestId } = request;
  const tone: Tone = outcome === 'ok' ? 'ok' : outcome === 'normal_refusal' ? 'off' : 'bad';
  return (
    <tr>
      <td class="when" data-label="When">
        <Moment at={at} now={visit.now} />
      </td>
      <td data-label="Request">
        <span>
          <b>{method}</b> <small>{KINDS[kind]}</small>
        </span>
      </td>
      <td data-label="Response">
        <span>
          <Tag tone={tone}>{status ?? 'none'}</Tag>{' '}
          {outcome !== 'ok' && outcome !== 'normal_refusal' && <small>{FAILURES[outcome]}</small>}
        </span>
      </td>
      <td data-label="Duration">{`${Math.round(durationMs).toLocaleString('en')} ms`}</td>
      <td data-label="Credential">
        <span class="mono">{name ?? request.credentialId}</span>
      </td>
      <td data-label="Request ID">
        <span class="mono">{requestId}</span>
      </td>
    </tr>
  );
}
