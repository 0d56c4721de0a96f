/** The buttons of a finding: one for each act that its words name, so that no sentence sends anybody to a button that is not there. */
import type { Action } from '../access.ts';
import { actsIn, type Finding, hasOwnUnused, PAGE_ACTS, type PageAct, type Words } from '../diagnosis/index.ts';
import { Act } from './forms.tsx';
import { Go } from './parts.tsx';
import { addressOf, type Visit } from './visit.tsx';

/** Where a finding is acted on. */
export interface ActPlace {
  visit: Visit;
  directory: { id: string; organizationId: string };
  finding: Finding;
}

interface Way {
  action: Action;
  /** A page that asks first or shows more; or what the button does at once. */
  does: 'opens' | 'acts';
  /** Below the directory, or a whole path; undefined where this person or finding has no such page. */
  path: (place: ActPlace) => string | undefined;
}

const below = (path: string) => (place: ActPlace) => `${addressOf(place.visit, place.directory)}${path}`;
const opens = (action: Action, path: Way['path']): Way => ({ action, does: 'opens', path });
const acts = (action: Action, path: Way['path']): Way => ({ action, does: 'acts', path });

const WAYS: Record<PageAct, Way> = {
  'generate-token': opens('credentials.change', below('/generate')),
  'rotate-token': opens('credentials.change', below('/rotate')),
  'enable-credential': acts('credentials.change', ({ visit, finding: { facts } }) =>
    facts.credentialId === undefined ? undefined : `${visit.home}/credentials/${facts.credentialId}/enable`,
  ),
  'allow-changes': acts('credentials.change', ({ visit, finding: { facts } }) =>
    facts.credentialId === undefined ? undefined : `${visit.home}/credentials/${facts.credentialId}/allow-changes`,
  ),
  'enable-directory': opens('directories.change', below('/enable')),
  'add-client-secret': opens('directories.set-up', below('/setup/client/secrets')),
  'create-client': opens('directories.set-up', below('/setup/client')),
  'correct-app-name': opens('directories.set-up', below('/setup/oauth?app-name#app-name')),
  'open-client': opens('clients.read', ({ visit: { clientsPath }, finding: { facts } }) =>
    clientsPath === undefined || facts.clientId === undefined ? undefined : `${clientsPath}/${facts.clientId}`,
  ),
  'set-up': opens('directories.set-up', below('/setup')),
  'compare-setup': opens('directories.set-up', below('/setup/oauth')),
  'choose-credential': opens('credentials.change', below('#credentials')),
  'test-server': acts('directories.change', below('/test')),
  'change-url': opens('directories.change', below('?change#scim-server')),
  'change-server-credential': opens('directories.change', below('?change#scim-server')),
  'send-portal-link': opens(
    'portal-links.change',
    ({ visit, directory }) => `${visit.home}/organizations/${directory.organizationId}#portal-links`,
  ),
  'check-token': opens('tokens.check', ({ visit }) => `${visit.home}/check-token`),
  'copy-ticket': opens('directories.read', below('/ticket')),
  'expect-silence': acts('findings.settle', below('/quiet')),
  'mute-silence': acts('findings.settle', below('/quiet?mute')),
  'report-silence': acts('findings.settle', below('/quiet?report')),
  'settle-recovery': acts('findings.settle', below('/recovered')),
  'dismiss-recovery': acts('findings.settle', below('/recovered?nothing')),
};

/** What never stands out: it turns an alarm off, or helps only to look. */
const MILD: ReadonlySet<PageAct> = new Set([
  'expect-silence',
  'mute-silence',
  'report-silence',
  'dismiss-recovery',
  'check-token',
  'change-url',
  'change-server-credential',
  'choose-credential',
  // Somebody disabled it on purpose.
  'enable-directory',
  'enable-credential',
  // It may be read-only on purpose.
  'allow-changes',
]);

/** Where an act leads for this person; undefined where they may not, or have no such page. */
function wayOf(act: PageAct, place: ActPlace): { does: Way['does']; path: string } | undefined {
  const { action, does, path } = WAYS[act];
  const found = place.visit.may(action) ? path(place) : undefined;
  return found === undefined ? undefined : { does, path: found };
}

/** The page that an act opens, for a link within a sentence. */
export function linkOf(act: PageAct, place: ActPlace): string | undefined {
  const way = wayOf(act, place);
  return way?.does === 'opens' ? way.path : undefined;
}

/** The first one that somebody must press stands out. */
export function ActButtons({ words: { steps, notes = [] }, place }: { words: Words; place: ActPlace }) {
  const named = actsIn([...steps, ...notes]).flatMap((act) => {
    const way = wayOf(act, place);
    return way ? [{ act, ...way }] : [];
  });
  if (named.length === 0) return null;
  // Where a token waits to be pasted, another one is the way out and not the way on.
  const isMild = (act: PageAct) =>
    MILD.has(act) || (act === 'generate-token' && hasOwnUnused(place.finding, place.visit.reader));
  const main = actsIn(steps).find((act) => !isMild(act));
  return (
    <div class="acts">
      {named.map(({ act, does, path }) =>
        does === 'opens' ? (
          <Go
            href={path}
            name={PAGE_ACTS[act]}
            tone={act === main ? 'primary' : undefined}
            copies={act === 'copy-ticket'}
          />
        ) : (
          <Act action={path} name={PAGE_ACTS[act]} {...(act === main && { tone: 'primary' })} />
        ),
      )}
    </div>
  );
}
