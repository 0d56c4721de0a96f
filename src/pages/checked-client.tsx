/** What the check of a client secret or a client ID found: whose it is, its state, and where it belongs. */
import type { CheckedClientId, CheckedSecret } from '../diagnosis/index.ts';
import { LastSecretUse } from './client-secrets.tsx';
import { Status } from './parts.tsx';
import { Expiry, Last } from './times.tsx';
import { addressOf, useVisit } from './visit.tsx';

export function CheckedClientSecret({ checked }: { checked: CheckedSecret }) {
  const { client, directory, state, hint, isWeak, createdAt, expiresAt, removedAt, use } = checked;
  return (
    <Status
      tone={state === 'live' && !directory?.isDisabled ? 'ok' : 'bad'}
      lead={leadOf(checked)}
      rest={
        <>
          It belongs to <Owner checked={checked} />
          {hint !== undefined && (
            <>
              , and ends in <span class="mono whole">…{hint}</span>
            </>
          )}
          .
        </>
      }
      detail={
        <>
          <Last at={createdAt} before="Created" after=". " />
          <Last at={removedAt} before="Removed" after=". " />
          {state !== 'removed' && <Expiry at={expiresAt} />}{' '}
          {createdAt && <LastSecretUse secret={{ createdAt }} use={use} />} The client ID is{' '}
          <span class="mono whole">{client.clientId}</span>.{isWeak && ' This secret can be guessed. Replace it.'}{' '}
          {state === 'live'
            ? 'Use it with the client ID to get access tokens. It is not a token itself.'
            : !client.isDeleted && "Use one of the client's active secrets instead."}
        </>
      }
    />
  );
}

function leadOf({ state, client, directory }: CheckedSecret): string {
  if (client.isDeleted) return 'The client of this secret was deleted.';
  if (state === 'removed') return 'This client secret was removed.';
  if (state === 'expired') return 'This client secret has expired.';
  return directory?.isDisabled
    ? 'This client secret is valid, but its directory is disabled.'
    : 'This client secret works.';
}

export function CheckedClient({ checked }: { checked: CheckedClientId }) {
  const { client, removedAt } = checked;
  return (
    <Status
      tone={client.isDeleted ? 'bad' : 'off'}
      lead={client.isDeleted ? 'This is the ID of a client that was deleted.' : 'This is a client ID, not a secret.'}
      rest={
        <>
          It belongs to <Owner checked={checked} />.
        </>
      }
      detail={
        <>
          <Last at={removedAt} before="Deleted" after=". " />
          Enter it in the client ID field of the identity provider, not in place of the secret or token.
        </>
      }
    />
  );
}

/** `Entra ID, the client of Northwind`. A deleted client is not always known by its name. */
function Owner({ checked: { client, directory } }: { checked: CheckedSecret | CheckedClientId }) {
  const visit = useVisit();
  const { clientsPath } = visit;
  const isLinked = clientsPath !== undefined && visit.may('clients.read') && !client.isDeleted;
  const name = <b>{client.name || 'a client'}</b>;
  return (
    <>
      {isLinked ? <a href={`${clientsPath}/${client.id}`}>{name}</a> : name}
      {directory ? (
        <>
          , {client.isDeleted ? 'a client' : 'the client'} of{' '}
          <a href={addressOf(visit, directory)}>
            <b>{directory.name}</b>
          </a>
        </>
      ) : client.directoryId === undefined ? (
        ', which all organizations share'
      ) : (
        ', whose directory was deleted'
      )}
    </>
  );
}
