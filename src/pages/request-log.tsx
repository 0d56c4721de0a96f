/** The request log of a directory: what the gateway accepted and what became of it, for operators and, where it is on, for IT contacts. */
import type { Credential } from '../credentials/index.ts';
import { type Diagnoses, type LoggedRequest, REQUEST_COLUMNS, REQUEST_LOG_DAYS } from '../diagnosis/index.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { csvFile } from '../http/csv.ts';
import { allPages } from '../storage/index.ts';
import { Act } from './forms.tsx';
import { type Column, namesOf, TableList } from './lists.tsx';
import { Go, Tag } from './parts.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { Moment } from './times.tsx';
import { addressOf, fileOf, type Route, trailTo, type Visit } from './visit.tsx';

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
  unreachable: 'Not reached, or not HTTP',
  refuses_us: 'Rejected our request',
  wrong_base: 'Nothing at its base URL',
  not_scim: 'Not SCIM',
  unreadable: 'Unreadable response',
  rejects_content: 'Content rejected',
  failing: 'Server error',
  cut: 'Cut off or damaged',
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

  async function list(visit: Visit) {
    const directory = await logged(visit);
    const isOn = directory.requestLog === true;
    const page = await diagnoses.requestLog.page(directory.id, visit.paging);
    const names = await namesOf(page.items, 'credentialId', async (id) => {
      const credential = await credentials.find(id);
      return credential && { name: endOf(credential) };
    });
    const address = addressOf(visit, directory);
    return {
      title: `Request log for ${directory.name}`,
      heading: 'Request log',
      trail: trailTo(visit, directory),
      acts: (
        <>
          <Go href={refusalsOf(visit, directory)} name="Refused requests" />
          {page.items.length > 0 && <Go href={`${address}/requests.csv`} name="Export CSV" />}
          {visit.may('directories.change') && (
            <Act action={`${address}/requests`} name={isOn ? 'Turn off' : 'Turn on'} />
          )}
        </>
      ),
      children: (
        <>
          <p class="soft">
            {isOn
              ? `Accepted requests from the last ${REQUEST_LOG_DAYS} days. Bodies, filters and names are never stored.`
              : 'The log is off. When it is on, you and the IT contact can see each accepted request. Bodies, filters and names are never stored.'}
          </p>
          <TableList
            of={page}
            none={[
              'No requests in the log',
              isOn ? 'The next accepted request appears here within seconds.' : 'Turn it on first.',
            ]}
            columns={columnsWith(names)}
          />
        </>
      ),
    };
  }

  return [
    { path: '/directories/:id/requests', action: 'directories.read', get: list },
    {
      path: '/directories/:id/requests.csv',
      action: 'directories.read',
      async get(visit) {
        const { id, name } = await logged(visit);
        const all = allPages((after) => diagnoses.requestLog.page(id, { after, limit: EXPORT_PAGE }));
        const file = name.replace(/[^\w-]+/g, '-').slice(0, 60);
        return fileOf(`requests-${file}.csv`, 'text/csv', csvFile(REQUEST_COLUMNS, all));
      },
    },
    {
      path: '/directories/:id/requests',
      action: 'directories.change',
      async does(visit) {
        const { id, requestLog } = await seen.directory(visit);
        await directories.change(id, { requestLog: requestLog !== true }, visit.attribution);
      },
    },
  ];
}

/** The end of a token, as people know it. */
function endOf({ kind, label, hint }: Credential): string {
  return kind === 'oauth' ? (label ?? 'Connection') : `…${hint}`;
}

/** Where the audit trail lists what was refused at a directory, which is in no log of accepted requests. */
function refusalsOf(visit: Visit, directory: Directory): string {
  return visit.auditPath === undefined
    ? `${addressOf(visit, directory)}/audit?type=refused`
    : `${visit.auditPath}?directoryId=${directory.id}&type=refused`;
}

function columnsWith(names: ReadonlyMap<string, string>): Column<LoggedRequest>[] {
  return [
    { name: 'When', class: 'when', cell: ({ at }) => <Moment at={at} /> },
    {
      name: 'Request',
      cell: ({ method, kind }) => (
        <span>
          <b>{method}</b> <small>{KINDS[kind]}</small>
        </span>
      ),
    },
    {
      name: 'Response',
      cell: ({ outcome, status }) => (
        <span>
          <Tag tone={outcome === 'ok' ? 'ok' : outcome === 'normal_refusal' ? 'off' : 'bad'}>{status ?? 'none'}</Tag>{' '}
          {outcome !== 'ok' && outcome !== 'normal_refusal' && <small>{FAILURES[outcome]}</small>}
        </span>
      ),
    },
    { name: 'Duration', cell: ({ durationMs }) => `${Math.round(durationMs).toLocaleString('en')} ms` },
    {
      name: 'Credential',
      cell: ({ credentialId }) => <span class="mono">{names.get(credentialId) ?? credentialId}</span>,
    },
    { name: 'Request ID', cell: ({ requestId }) => <span class="mono">{requestId}</span> },
  ];
}
