/** The consent to a connection that an identity provider asked for: for which directory, and whom it replaces. */
import type { Cause } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import type { Directories, Directory, Organizations } from '../directories/index.ts';
import type { ConnectionRequest, Oauth } from '../oauth/index.ts';
import { type PortalLink, personOf } from '../one-time-links/index.ts';
import { hasFormToken } from '../pages/index.ts';
import { ConsentPage, type Holder } from './consent-page.tsx';
import { LinkNeededPage } from './pages.tsx';
import { formOf, message, outOfDate, type Page, type Request, type Session } from './request.tsx';

const PAGE = 200;

export function createConsent(deps: {
  oauth: Oauth;
  organizations: Organizations;
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  clock: Clock;
  vendor: string;
}) {
  const { vendor, oauth, organizations, directories, credentials, usage, clock } = deps;

  return async function consent(asked: Request, uid: string, session: Session | undefined): Promise<Page | string> {
    const { request, response } = asked;
    const wanted = await oauth.pending(request, response);
    if (!wanted || wanted.uid !== uid) return over();
    const { client } = wanted;
    if (!session) return { title: 'Link needed', pending: uid, children: <LinkNeededPage client={client.name} /> };
    const organization = await organizations.get(session.link.organizationId);
    const choices = await choicesOf(wanted, session.link);
    if (choices.length === 0) {
      const title = `${client.name} belongs to no directory of ${organization.name}.`;
      const text = 'Ask whoever sent you the link to check which directory it was made for. Nothing was changed.';
      // The right link may follow in this browser; the request then goes on.
      return { ...message(title, text, 403), pending: uid };
    }
    if (request.method === 'POST') return decide(asked, session, choices);
    const held = await Promise.all(
      choices.map(async (directory) => ({ directory, holders: await describe(directory) })),
    );
    return {
      title: `Connect ${client.name}`,
      aside: organization.name,
      formTargets: [wanted.redirectOrigin],
      children: (
        <ConsentPage
          request={wanted}
          organization={organization.name}
          vendor={vendor}
          choices={held}
          token={session.token}
          now={clock.now()}
        />
      ),
    };
  };

  async function choicesOf({ client }: ConnectionRequest, link: PortalLink): Promise<Directory[]> {
    const choices: Directory[] = [];
    let after: string | undefined;
    do {
      const page = await directories.page({ organizationId: link.organizationId, after, limit: PAGE });
      const isFor = ({ id }: Directory) => client.directoryId === undefined || client.directoryId === id;
      choices.push(...page.items.filter(isFor));
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    return choices;
  }

  async function describe(directory: Directory): Promise<Holder[]> {
    const holders = await credentials.holders(directory.id);
    const totals = await usage.totals(holders.map(({ id }) => id));
    return holders.map((credential) => ({ credential, total: totals.get(credential.id) }));
  }

  async function decide(
    { request, response, address, requestId }: Request,
    { link, token }: Session,
    choices: Directory[],
  ): Promise<Page | string> {
    const form = await formOf(request);
    if (!hasFormToken(form, token)) return outOfDate();
    const person = personOf(link);
    const cause: Cause = { actor: person, source: 'portal', address, requestId };
    if (form.get('decision') !== 'allow') {
      const { organizationId } = link;
      return (await oauth.refuse(request, response, { organizationId, cause })) ?? over();
    }
    const directory = choices.length === 1 ? choices[0] : choices.find(({ id }) => id === form.get('directory'));
    if (!directory)
      return message('Choose a directory.', 'Go back and choose which directory this connection is for.', 400);
    const holders = await credentials.holders(directory.id);
    const replaces = holders.find(({ id }) => id === form.get(`replaces-${directory.id}`))?.id;
    if (holders.length === 2 && replaces === undefined)
      return message(
        'Choose what the new connection replaces.',
        'Both slots of this directory are taken. Go back and choose one; it keeps working until the new connection has been used.',
        400,
      );
    return (await oauth.approve(request, response, { directory, replaces, person, cause })) ?? over();
  }
}

function over(): Page {
  return message(
    'This request is over.',
    'Start the connection again in your identity provider. Nothing that works now was changed.',
    410,
  );
}
