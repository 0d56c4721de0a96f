/** The few pages of the portal. Words for an IT contact who never heard of OAuth. */
import type { Directory } from '../directories/index.ts';
import { type Health, Time } from '../pages/index.ts';

/** What happened, why, and where somebody must act: what to do, with the values that they need. */
export function MessagePage(props: {
  title: string;
  text: string;
  todo?: string;
  values?: [name: string, value: string][];
}) {
  const { title, text, todo, values = [] } = props;
  return (
    <>
      <h1>{title}</h1>
      <p class="soft">{text}</p>
      {todo !== undefined && (
        <section class="panel">
          <h2>What to do</h2>
          <p>{todo}</p>
          {values.map(([name, value]) => (
            <div>
              <small>{name}</small>
              <p class="field mono">{value}</p>
            </div>
          ))}
        </section>
      )}
    </>
  );
}

export function EnterPage({ organization, vendor }: { organization: string | undefined; vendor: string }) {
  return (
    <>
      <h1>Connect {organization === undefined ? 'your organization' : organization}</h1>
      <p>
        Here your identity provider (Okta, Entra ID and the like) is connected to {vendor}, so that it can create,
        change and deactivate users there.
      </p>
      <p class="soft">
        It takes about five minutes; you need to be an administrator of your identity provider. This link works once: it
        lets this browser, and no other, in for eight hours.
      </p>
      <form method="post" class="acts">
        <button class="primary" type="submit">
          Enter
        </button>
      </form>
    </>
  );
}

export function HomePage(props: {
  rows: { directory: Directory; provider: string; health: Health; isEmpty: boolean }[];
  nextCursor: string | null;
  session: { token: string; endsAt: Date; now: Date };
}) {
  const { rows, nextCursor, session } = props;
  return (
    <>
      <h1>Connect your identity provider</h1>
      {rows.length === 0 ? (
        <p class="soft">Your organization has no directory yet. Ask your contact at the vendor to make one.</p>
      ) : (
        <section class="panel list">
          <ul class="rows">
            {rows.map(({ directory, provider, health, isEmpty }) => (
              <li>
                <span class={health.tone === 'ok' ? 'dot' : `dot ${health.tone}`} />
                <span class="what">
                  <a href={`/portal/directories/${directory.id}`}>
                    <b>{directory.name}</b>
                  </a>
                  <small>
                    {health.lead} {health.rest}
                  </small>
                </span>
                {isEmpty ? (
                  <a class="btn primary" href={`/portal/directories/${directory.id}/setup`}>
                    Set it up
                  </a>
                ) : (
                  <span class="tag">{provider}</span>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
      {nextCursor !== null && (
        <div class="acts">
          <a class="btn" href={`?after=${encodeURIComponent(nextCursor)}`}>
            More
          </a>
        </div>
      )}
      <section class="panel">
        <p>
          <small>
            If your identity provider opens a page to be allowed (it calls this OAuth), begin in this same browser: it
            leads back here, and you decide.
          </small>
        </p>
        <form method="post" action="/portal/leave" class="head">
          <small>
            This browser is let in until <Time at={session.endsAt} now={session.now} exact />.
          </small>
          <input type="hidden" name="token" value={session.token} />
          <button type="submit">Leave</button>
        </form>
      </section>
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
        <b>No link?</b> Ask your contact at the vendor for a <b>portal link</b> for your organization, open it in this
        browser, and you are back here. Nothing has to be started again.
      </div>
    </>
  );
}
