/** What a person reads before a connection is made. Words for an IT contact who never heard of OAuth. */
import type { ComponentChildren } from 'preact';
import type { Credential, UsageTotal } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import type { ConnectionRequest } from '../oauth/index.ts';
import { capital, counted, Details, Last, Pick, placeOf, spokenOf, titleOf } from '../pages/index.ts';

export interface Holder {
  credential: Credential;
  total: UsageTotal | undefined;
}

interface Choice {
  directory: Directory;
  /** Who holds its slots now. */
  holders: Holder[];
}

export function ConsentPage(props: {
  request: ConnectionRequest;
  organization: string;
  vendor: string;
  choices: Choice[];
  token: string;
}) {
  const { request, organization, vendor, choices, token } = props;
  const { client, scopes } = request;
  const isSingle = choices.length === 1;
  return (
    <>
      <h1>Connect {client.name}</h1>
      <p>
        {client.name} wants to {scopes.includes('scim') ? 'manage' : 'read'} the users and groups of{' '}
        <b>{organization}</b> at {vendor}.
      </p>
      <form method="post" class="panel">
        <input type="hidden" name="token" value={token} />
        <Details
          of={[
            [
              'Access',
              scopes.includes('scim')
                ? 'Create, change, deactivate and delete users and groups'
                : 'Read users and groups',
            ],
            ['Expires', endOf(client)],
            ['Returns to', request.redirectOrigin, 'mono'],
          ]}
        />
        {!isSingle && <h2>Which directory is it for?</h2>}
        {choices.map((choice) => (
          <DirectoryChoice {...choice} client={client} isSingle={isSingle} />
        ))}
        <div class="acts">
          <button class="primary" type="submit" name="decision" value="allow">
            Allow
          </button>
          <button type="submit" name="decision" value="cancel" formnovalidate>
            Cancel
          </button>
        </div>
      </form>
      <small>
        The connection belongs to the directory. It keeps working if you leave or change your password. Choosing Cancel
        changes nothing.
      </small>
    </>
  );
}

type Client = ConnectionRequest['client'];

/** What has an end says so before it begins. */
function endOf({ name, maximumAgeDays, idleDays }: Client): string {
  const ends = [
    ...(maximumAgeDays === undefined ? [] : [`${counted(maximumAgeDays, 'day')} from today`]),
    ...(idleDays === undefined ? [] : [`after ${counted(idleDays, 'day')} without a renewal by ${name}`]),
  ];
  return ends.length === 0
    ? 'Never. It works until someone revokes it.'
    : `${capital(ends.join(', or '))}${ends.length > 1 ? ', whichever comes first' : ''}. You then have to connect it again.`;
}

function DirectoryChoice(props: Choice & { client: Client; isSingle: boolean }) {
  const { directory, holders, client, isSingle } = props;
  const name = `replaces-${directory.id}`;
  const own = holders.find(({ credential }) => credential.clientId === client.id)?.credential.id;
  const [only] = holders;
  return (
    <fieldset class="directory">
      {isSingle ? (
        <legend>Directory {directory.name}</legend>
      ) : (
        <label class="choice">
          <input type="radio" name="directory" value={directory.id} required />
          <b>{directory.name}</b>
        </label>
      )}
      <div class="detail">
        {holders.length === 2 && (
          <p>
            This directory already has two tokens or connections. <b>Choose which one the new connection replaces.</b>{' '}
            The old one keeps working until {client.name} uses the new connection.
          </p>
        )}
        <div class="slots">
          {(['a', 'b'] as const).map((slot) => {
            const holder = holders.find(({ credential }) => credential.slot === slot);
            if (!holder) return <FreeSlot slot={slot} isNext={slot === 'a' || holders.length === 1} client={client} />;
            if (holders.length === 1) return <TakenSlot {...holder} />;
            const { id } = holder.credential;
            return (
              <label class="slot choosable">
                <TakenSlot {...holder}>
                  <span class="pick">
                    <input type="radio" name={name} value={id} checked={id === own} required={isSingle} /> Replace this
                  </span>
                </TakenSlot>
              </label>
            );
          })}
        </div>
        {holders.length === 1 && only && (
          <>
            <Pick
              name={name}
              value=""
              isOn={own === undefined}
              label="Keep both."
              hint={`${capital(spokenOf(only.credential))} keeps working alongside the new connection.`}
            />
            <Pick
              name={name}
              value={only.credential.id}
              isOn={own !== undefined}
              label="Replace it."
              hint={`${capital(spokenOf(only.credential))} keeps working until ${client.name} uses the new connection and no longer uses the old one. It is then revoked automatically.`}
            />
          </>
        )}
      </div>
    </fieldset>
  );
}

function FreeSlot({ slot, isNext, client }: { slot: 'a' | 'b'; isNext: boolean; client: Client }) {
  return (
    <div class={isNext ? 'slot next' : 'slot'}>
      <SlotHead slot={slot} title={isNext ? `${client.name}, new` : 'Empty'} />
      <small>{isNext ? 'The new connection goes here.' : 'Available for your next credential.'}</small>
    </div>
  );
}

function TakenSlot({ credential, total, children }: Holder & { children?: ComponentChildren }) {
  const { slot, kind, state, hint, label } = credential;
  const from = total?.lastUsedFrom;
  const body = (
    <>
      <SlotHead slot={slot} title={titleOf(credential)} />
      <small>
        {kind === 'oauth' ? 'Connection' : label === undefined ? 'Ending in ' : 'Token ending in '}
        {kind === 'bearer' && <span class="mono">{hint}</span>}
        {state === 'disabled' && ', disabled'}
      </small>
      <small>
        <Last at={total?.lastUsedAt} before="Last used" from={from?.address} never="Never used" />
      </small>
      {children}
    </>
  );
  return children === undefined ? <div class="slot">{body}</div> : body;
}

function SlotHead({ slot, title }: { slot: 'a' | 'b'; title: string }) {
  return (
    <span class="head">
      <b>{title}</b>
      <span class="key">{placeOf(slot)}</span>
    </span>
  );
}
