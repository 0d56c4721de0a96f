/** The few pages of the portal. Words for an IT contact who never heard of OAuth. */
import type { Credential, UsageTotal } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import type { ConnectionRequest } from '../oauth/index.ts';

export function MessagePage({ title, text }: { title: string; text: string }) {
  return (
    <>
      <h1>{title}</h1>
      <p class="soft">{text}</p>
    </>
  );
}

export function EnterPage() {
  return (
    <>
      <h1>Manage your directory connection</h1>
      <p class="soft">This link works once and lets this browser in for eight hours.</p>
      <form method="post" class="acts">
        <button class="primary" type="submit">
          Enter
        </button>
      </form>
    </>
  );
}

export function LinkNeededPage({ client }: { client: string }) {
  return (
    <>
      <h1>{client} asks to be connected</h1>
      <p>
        To allow it, open the <b>portal link</b> that your software vendor sent you, in this browser. This request waits
        for an hour and goes on by itself once the link was opened.
      </p>
      <div class="note">
        <b>No link?</b> Ask your contact at the vendor for a portal link for your organization. They make it in their
        dashboard.
      </div>
    </>
  );
}

interface Held {
  directory: Directory;
  holders: { credential: Credential; total: UsageTotal | undefined }[];
}

export function ConsentPage(props: {
  request: ConnectionRequest;
  organization: string;
  choices: Held[];
  token: string;
  now: Date;
}) {
  const { request, organization, choices, token, now } = props;
  const { client, scopes } = request;
  const mayWrite = scopes.includes('scim');
  return (
    <>
      <h1>Connect {client.name}</h1>
      <p>
        {client.name} asks to manage users and groups of <b>{organization}</b> from now on, until someone ends the
        connection.
      </p>
      <form method="post" class="panel">
        <input type="hidden" name="token" value={token} />
        <dl>
          <dt>It will be able to</dt>
          <dd>
            {mayWrite ? 'create, change and deactivate users and groups' : 'read users and groups, and change nothing'}
          </dd>
          <dt>The answer goes to</dt>
          <dd class="mono">{request.redirectOrigin}</dd>
          <dt>It ends</dt>
          <dd>when someone revokes it: no end by itself</dd>
        </dl>
        {choices.map((held, index) => (
          <DirectoryChoice {...held} single={choices.length === 1} first={index === 0} now={now} />
        ))}
        <div class="acts">
          <button class="primary" type="submit" name="decision" value="allow">
            Allow
          </button>
          <button type="submit" name="decision" value="cancel">
            Cancel
          </button>
        </div>
      </form>
      <small>
        The connection belongs to the directory, not to you: it goes on when you leave or change your password.
      </small>
    </>
  );
}

function DirectoryChoice({
  directory,
  holders,
  single,
  first,
  now,
}: Held & { single: boolean; first: boolean; now: Date }) {
  const isFull = holders.length === 2;
  return (
    <fieldset>
      {single ? (
        <legend>Directory {directory.name}</legend>
      ) : (
        <label class="choice">
          <input type="radio" name="directory" value={directory.id} checked={first} required />
          <span>
            <b>{directory.name}</b>
          </span>
        </label>
      )}
      {holders.length === 0 && <small>Nothing is connected to it yet.</small>}
      {holders.length > 0 && (
        <small>
          {isFull
            ? 'Both places are taken. Choose what the new connection replaces; that keeps working until the new one has been used.'
            : 'What is connected now keeps working beside the new connection.'}
        </small>
      )}
      {holders.map(({ credential, total }) =>
        isFull ? (
          <label class="choice">
            <input type="radio" name={`replaces-${directory.id}`} value={credential.id} />
            <Holder credential={credential} total={total} now={now} />
          </label>
        ) : (
          <Holder credential={credential} total={total} now={now} />
        ),
      )}
    </fieldset>
  );
}

function Holder({ credential, total, now }: { credential: Credential; total: UsageTotal | undefined; now: Date }) {
  const kind = credential.kind === 'oauth' ? 'OAuth connection' : 'Static token';
  return (
    <span>
      <b>{credential.label ?? kind}</b>{' '}
      <small>
        slot {credential.slot.toUpperCase()}, {kind.toLowerCase()}
      </small>
      <br />
      <small title={total?.lastUsedAt?.toISOString()}>
        {total?.lastUsedAt
          ? `last used ${ago(total.lastUsedAt, now)} from ${total.lastUsedFrom?.address ?? 'an unknown address'}`
          : 'never used'}
      </small>
    </span>
  );
}

function ago(then: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - then.getTime()) / 60_000);
  if (minutes < 1) return 'less than a minute ago';
  if (minutes < 120) return `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours ago` : `${Math.floor(hours / 24)} days ago`;
}
