/** Entering by a portal link: a page that a preview can't use up, then the session. */
import type { Random } from '../identifiers.ts';
import type { LinkState, PortalLink } from '../one-time-links/index.ts';
import { entryRoute, MessageParts, type OpenRoute, type Shown, Time } from '../pages/index.ts';
import { findSession, HOME, PENDING_COOKIE, SESSION_COOKIE, type SessionDependencies } from './session.ts';

/** A session lasts eight hours; its cookie stays, so that who comes later reads that they are over. */
const COOKIE_SECONDS = 30 * 86_400;

export function entryPages(deps: SessionDependencies & { random: Random; vendor: string }): OpenRoute[] {
  const { links, organizations, random, vendor } = deps;

  function linkOver({ state, link }: { state: keyof typeof OVER; link?: PortalLink | undefined }): Shown {
    const usedAt = state === 'used' ? link?.usedAt : undefined;
    return {
      title: 'Link ended',
      status: 410,
      isNarrow: true,
      children: (
        <>
          <MessageParts title={OVER[state]} text={`Ask ${vendor} for a new one. Your setup is unchanged.`} />
          {usedAt && (
            <p class="soft">
              It was used <Time at={usedAt} />. If that wasn't you or a colleague, tell {vendor}. They can end that
              session.
            </p>
          )}
        </>
      ),
    };
  }

  return [
    entryRoute({
      path: `${HOME}/enter/:secret`,
      home: HOME,
      cookie: 'portal_browser',
      random,
      look: links.look,
      isInside: async (guest) => (await findSession(deps, guest)) !== undefined,
      async page({ link }) {
        const organization = link && (await organizations.find(link.organizationId));
        return {
          title: 'Open the portal',
          isNarrow: true,
          children: <EnterPage organization={organization?.name} vendor={vendor} />,
        };
      },
      over: linkOver,
      enter: (secret, browser, { address, requestId }) => links.enter(secret, browser, { address, requestId }),
      async goOn({ cookies }, { session }) {
        const pending = cookies.get(PENDING_COOKIE);
        cookies.set(SESSION_COOKIE, session, COOKIE_SECONDS);
        cookies.clear(PENDING_COOKIE);
        return pending !== undefined && /^[\w-]{10,100}$/.test(pending) ? `/connect/${pending}` : HOME;
      },
    }),
  ];
}

const OVER: Record<LinkState | 'unknown', string> = {
  // Another browser was faster.
  fit: 'This link has been used.',
  used: 'This link has been used.',
  expired: 'This link has expired.',
  revoked: 'This link was withdrawn.',
  unknown: "We don't recognize this link.",
};

function EnterPage({ organization, vendor }: { organization: string | undefined; vendor: string }) {
  return (
    <>
      <h1>Connect {organization === undefined ? 'your organization' : organization}</h1>
      <p>
        Connect your identity provider, such as Okta or Entra ID, to {vendor}. Your identity provider can then create,
        change and deactivate users in {vendor}.
      </p>
      <p class="soft">
        If it's already connected, this is where you can see whether it's working, and what to do if it isn't.
      </p>
      <p class="soft">
        Connecting takes about five minutes. You need to be an administrator of your identity provider. This link works
        once, and only in this browser. Your session then lasts up to eight hours.
      </p>
      <form method="post" class="acts">
        <button class="primary" type="submit">
          {' '}
          Continue
        </button>
      </form>
    </>
  );
}
