/** The consent to a connection that an identity provider asked for: for which directory, and whom it replaces. */
import type { Context } from 'koa';
import type { Attribution } from '../audit/index.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import type { ConnectionRequest, Oauth } from '../oauth/index.ts';
import { type PortalLink, personOf } from '../one-time-links/index.ts';
import { type Guest, hasFormToken, messagePage, type OpenRoute, type Shown } from '../pages/index.ts';
import { allPages } from '../storage/index.ts';
import { ConsentPage, type Holder } from './consent-page.tsx';
import { findSession, PENDING_COOKIE, type Session, type SessionDependencies } from './session.ts';

export interface ConsentDependencies extends SessionDependencies {
  oauth: Oauth;
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  vendor: string;
}

const PAGE = 200;
const PENDING_SECONDS = 3600;

export function consentPages(deps: ConsentDependencies): OpenRoute[] {
  const { vendor, oauth, directories, credentials, usage } = deps;
  return [{ path: '/connect/:uid', get: consent, post: consent }];

  async function consent(guest: Guest, koa: Context): Promise<Shown | string> {
    const { params, cookies } = guest;
    const uid = params['uid'] ?? '';
    const wanted = await oauth.pending(koa.req, koa.res);
    if (!wanted || wanted.uid !== uid) return requestOver();
    const { client } = wanted;
    const session = await findSession(deps, guest);
    if (!session) {
      cookies.set(PENDING_COOKIE, uid, PENDING_SECONDS);
      return { title: 'Link needed', isNarrow: true, children: <LinkNeededPage client={client.name} /> };
    }
    const { organization, link } = session;
    const choices = await choicesOf(wanted, link);
    if (choices.length === 0) {
      // The right link may follow in this browser; the request then goes on.
      cookies.set(PENDING_COOKIE, uid, PENDING_SECONDS);
      const title = `${organization.name} has no directory for ${client.name}.`;
      const text = 'Ask the person who sent you the portal link which directory to use. Nothing was changed.';
      return messagePage({ title, text }, { status: 403, isNarrow: true });
    }
    if (koa.method === 'POST') return decide(guest, koa, session, choices);
    const held = await Promise.all(
      choices.map(async (directory) => ({ directory, holders: await describe(directory) })),
    );
    return {
      title: `Connect ${client.name}`,
      aside: organization.name,
      isNarrow: true,
      formTargets: [wanted.redirectOrigin],
      children: (
        <ConsentPage
          request={wanted}
          organization={organization.name}
          vendor={vendor}
          choices={held}
          token={session.formToken}
        />
      ),
    };
  }

  async function choicesOf({ client }: ConnectionRequest, link: PortalLink): Promise<Directory[]> {
    const choices: Directory[] = [];
    const { organizationId } = link;
    const isFor = ({ id }: Directory) => client.directoryId === undefined || client.directoryId === id;
    for await (const some of allPages((after) => directories.page({ organizationId, after, limit: PAGE })))
      choices.push(...some.filter(isFor));
    return choices;
  }

  async function describe(directory: Directory): Promise<Holder[]> {
    const holders = await credentials.holders(directory.id);
    const totals = await usage.totals(holders.map(({ id }) => id));
    return holders.map((credential) => ({ credential, total: totals.get(credential.id) }));
  }

  async function decide(
    { form, origin: { address, requestId } }: Guest,
    { req, res }: Context,
    { link, formToken }: Session,
    choices: Directory[],
  ): Promise<Shown | string> {
    if (!hasFormToken(form, formToken)) {
      const text = 'Go back, reload the page and choose again. Nothing was changed.';
      return messagePage({ title: 'This page was out of date.', text }, { status: 403, isNarrow: true });
    }
    const person = personOf(link);
    const attribution: Attribution = { actor: person, source: 'portal', address, requestId };
    const directory = choices.length === 1 ? choices[0] : choices.find(({ id }) => id === form.get('directory'));
    if (form.get('decision') !== 'allow') {
      const { organizationId } = link;
      const refusal = { organizationId, directoryId: directory?.id, attribution };
      return (await oauth.refuse(req, res, refusal)) ?? requestOver();
    }
    if (!directory) {
      const text = 'Go back and choose which directory this connection is for.';
      return messagePage({ title: 'Choose a directory.', text }, { status: 400, isNarrow: true });
    }
    await credentials.assertNotHeldBack(directory.id, attribution);
    const holders = await credentials.holders(directory.id);
    const replaces = holders.find(({ id }) => id === form.get(`replaces-${directory.id}`))?.id;
    if (holders.length === 2 && replaces === undefined) {
      const title = 'Choose which one the new connection replaces.';
      const text =
        'This directory already has two tokens or connections. Go back and choose one. It keeps working until the new connection is used.';
      return messagePage({ title, text }, { status: 400, isNarrow: true });
    }
    return (await oauth.approve(req, res, { directory, replaces, person, attribution })) ?? requestOver();
  }
}

function requestOver(): Shown {
  const text = 'Start the connection again in your identity provider. Existing connections are unchanged.';
  return messagePage({ title: 'This request is no longer open.', text }, { status: 410, isNarrow: true });
}

function LinkNeededPage({ client }: { client: string }) {
  return (
    <>
      <h1>{client} wants to connect</h1>
      <p>
        To allow it, open the <b>portal link</b> from your software vendor in this browser. The request then continues
        automatically. You have one hour.
      </p>
      <div class="note">
        <b>No link?</b> Ask your contact at the vendor for a <b>portal link</b>. Open it in this browser to come back
        here. You don't have to start over.
      </div>
    </>
  );
}
