/** The way of a directory's requests, and where it stops; and requests that come from elsewhere. */
import { CODES, type Station, type Stranger } from '../diagnosis/index.ts';
import { type DirectoryView, sourceOf } from './directory-view.ts';
import { Said } from './findings.tsx';
import { List, Row } from './lists.tsx';
import { capital, counted, Tag } from './parts.tsx';
import { useVisit } from './visit.tsx';

const STATION_NAMES = { token_endpoint: 'Token endpoint', scim_endpoint: 'SCIM endpoint' } as const;

export function Stations({ view: { stations, provider } }: { view: DirectoryView }) {
  const { reader } = useVisit();
  const isStopped = stations.some(({ state }) => state === 'bad' || state === 'poor');
  const server = reader.audience === 'operator' ? 'Your SCIM server' : `${capital(reader.vendor)}'s SCIM server`;
  const nameOf = ({ place }: Station) =>
    place === 'idp' ? capital(provider) : place === 'scim_server' ? server : STATION_NAMES[place];
  return (
    <section class="panel path">
      <h2>{isStopped ? 'Where it stops' : 'Request path'}</h2>
      <ol class="stations">
        {stations.map((station) => (
          <li class={station.state}>
            <b>{nameOf(station)}</b>
            <span>{station.says}</span>
            {station.notes.map((note) => (
              <small>
                <Said text={note} />
              </small>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Refused requests that were not the identity provider's. They say nothing of the health. */
export function Strangers({ strangers, view }: { strangers: readonly Stranger[]; view: DirectoryView }) {
  if (strangers.length === 0) return null;
  return (
    <List
      title="Refused requests from elsewhere"
      aside={<small>Nothing to do. These requests come from addresses that {view.provider} has never used here.</small>}
      of={strangers}
      row={(stranger) => (
        <Row
          name={CODES[stranger.code].meaning}
          marks={<Tag>{counted(stranger.count, 'request')}</Tag>}
          text={sourceOf(stranger)}
          at={new Date(stranger.lastAt)}
        />
      )}
    />
  );
}
