/** The SCIM server behind a directory's gateway: where it is, how the gateway authenticates there, and the test of it. */
import { PAGE_ACTS } from '../diagnosis/index.ts';
import type { Directory, DirectoryChanges } from '../directories/index.ts';
import {
  type fallbackCredentialOf,
  isTestCutShort,
  type UpstreamTestCheck,
  type UpstreamTestReport,
} from '../gateway/index.ts';
import {
  Act,
  Choice,
  changesIn,
  counted,
  type createSeen,
  Details,
  Field,
  Go,
  Icon,
  invalidField,
  List,
  required,
  type Shown,
  Status,
  sent,
  sentOrNone,
  Tick,
  touched,
  trailTo,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

type CredentialKind = 'inherited' | 'none' | 'jwt' | 'header';

const KINDS: readonly (readonly [value: CredentialKind, name: string])[] = [
  ['inherited', 'Same as all directories'],
  ['none', 'No credential'],
  ['jwt', 'A signed JWT, renewed every 2 minutes'],
  ['header', 'A fixed header'],
];

/** The credential of directories without one of their own, as far as it is shown. */
export type SharedCredential = ReturnType<typeof fallbackCredentialOf>;

/** "Same as all directories (none is sent)": what that is now. */
function sharedName(shared: SharedCredential): string {
  const now =
    shared === undefined || shared.kind === 'none'
      ? 'none is sent'
      : `${shared.kind === 'jwt' ? 'a signed JWT' : `header ${shared.name}`}, set by LATCHKEY_UPSTREAM_CREDENTIAL`;
  return `Same as all directories (${now})`;
}

/** What is sent to the SCIM server of a directory now. */
function credentialNow({ upstreamCredential: held }: Directory, shared: SharedCredential): string {
  if (!held) return sharedName(shared);
  return held.kind === 'header'
    ? `A fixed header, ${held.name}`
    : (KINDS.find(([kind]) => kind === held.kind)?.[1] ?? '');
}

/** Where requests of a directory go, and by what the server knows that they come from us. */
export function ServerPanel(props: { directory: Directory; shared: SharedCredential; mayChange: boolean }) {
  const { directory, shared, mayChange } = props;
  const { id, upstreamUrl } = directory;
  if (upstreamUrl === undefined) return null;
  return (
    <section class="panel">
      <h2>SCIM server</h2>
      <Details
        of={[
          ['SCIM server URL', upstreamUrl, 'mono'],
          ['Credential for the SCIM server', credentialNow(directory, shared)],
        ]}
      />
      {mayChange && (
        <div class="acts">
          <Go href={`${HOME}/directories/${id}?change#scim-server`} name="Change" />
        </div>
      )}
    </section>
  );
}

const HIDDEN = 'upstreamHeaderValue';

/** What the fields show of a directory, as the form keeps it to see what was changed. */
export function shownUpstream(directory: Directory): Record<string, string | undefined> {
  const { upstreamUrl, mapUris = true, upstreamCredential } = directory;
  return {
    upstreamUrl,
    mapUris: mapUris ? 'yes' : '',
    upstreamCredential: upstreamCredential?.kind ?? 'inherited',
    upstreamHeaderName: upstreamCredential?.name,
  };
}

export function UpstreamFields({ directory, shared }: { directory: Directory; shared: SharedCredential }) {
  const { mapUris = true, upstreamCredential } = directory;
  const isHeld = upstreamCredential?.kind === 'header';
  return (
    <fieldset id="scim-server">
      <legend>SCIM server</legend>
      <div class="fields">
        <Field
          name="upstreamUrl"
          hint={
            isHeld
              ? 'The part before /Users. If you change the host, enter the header value again.'
              : "The part before /Users. Leave it empty if you don't use the gateway."
          }
          maximum={2000}
        />
        <Choice
          name="upstreamCredential"
          options={KINDS.map(([kind, name]) => [kind, kind === 'inherited' ? sharedName(shared) : name])}
          hint="How the gateway authenticates to the SCIM server."
        />
        <Field name="upstreamHeaderName" hint="For a fixed header, such as Authorization." maximum={100} />
        <Field
          name={HIDDEN}
          type="password"
          hint={
            isHeld
              ? 'Stored encrypted and never shown. Leave it empty to keep it.'
              : 'For a fixed header, such as Bearer and a token. Stored encrypted and never shown.'
          }
          maximum={4000}
          isSecret
        />
      </div>
      <Tick
        name="mapUris"
        isOn={mapUris}
        label="Replace the SCIM server’s own URLs in its responses."
        hint="Identity providers follow them, so they must point to the gateway."
      />
    </fieldset>
  );
}

/** What a form changes. Throws invalid_request. */
export function upstreamChangesIn(form: URLSearchParams, directory: Directory): DirectoryChanges {
  return {
    ...changesIn(form, { upstreamUrl: sentOrNone }),
    ...(form.has('shown_mapUris') && touched(form, 'mapUris') && { mapUris: form.get('mapUris') === 'yes' }),
    ...credentialIn(form, directory),
  };
}

function credentialIn(form: URLSearchParams, directory: Directory): Pick<DirectoryChanges, 'upstreamCredential'> {
  const kind = KINDS.find(([known]) => known === form.get('upstreamCredential'))?.[0];
  const isTouched = touched(form, 'upstreamCredential');
  if (kind === undefined) return {};
  if (kind === 'inherited') return isTouched ? { upstreamCredential: null } : {};
  if (kind !== 'header') return isTouched ? { upstreamCredential: { kind } } : {};
  const name = required(form, 'upstreamHeaderName', 100);
  const value = sent(form, HIDDEN, 4000);
  if (value !== undefined) return { upstreamCredential: { kind, name, value } };
  const { upstreamCredential: held } = directory;
  if (held?.kind === 'header' && held.name === name) return {};
  throw invalidField(
    HIDDEN,
    'Header value is empty. The stored value is for another header, so enter the value again.',
  );
}

/** Whether requests now go elsewhere, or with another credential, so that a test is worth its time. */
export function isOtherWay(before: Directory, after: Directory): boolean {
  const wayOf = ({ upstreamUrl, upstreamCredential: held }: Directory) =>
    [upstreamUrl, held?.kind, held?.name, held?.sealed].join('\n');
  return wayOf(before) !== wayOf(after);
}

/** `seen`: reads the directory of a visit, as far as the person may see it. */
export function upstreamRoutes(deps: DashboardDependencies, seen: ReturnType<typeof createSeen>): Route[] {
  return [
    {
      path: '/directories/:id/test',
      action: 'directories.change',
      async post(visit) {
        const { directory } = await seen.view(visit);
        return testPage(visit, directory, await deps.testUpstream(directory));
      },
    },
  ];
}

/** What an identity provider would stumble over. `isSaved`: it follows on a change. */
export function testPage(visit: Visit, directory: Directory, report: UpstreamTestReport, isSaved = false): Shown {
  const address = `${HOME}/directories/${directory.id}`;
  const { isFine, checks } = report;
  const found = checks.flatMap(({ problem }) => problem ?? []);
  const isAnswered = checks.some(({ status }) => status !== null);
  const isHttp = checks.every(({ cause }) => cause !== 'wrong_protocol');
  const isStopped = isTestCutShort(report);
  const isUnknownUs = found.includes('refuses_us');
  const mayChange = visit.may('directories.change');
  const form = `${address}?change#scim-server`;
  const sent = isStopped
    ? `We stopped after ${checks.length === 1 ? 'the first request' : counted(checks.length, 'request')}: the others would have gone the same way.`
    : 'We sent the requests that Entra ID and Okta send when you test the connection there.';
  return {
    title: 'SCIM server test',
    trail: trailTo(visit, directory),
    children: (
      <>
        <Status
          tone={isFine ? 'ok' : 'bad'}
          before={isSaved && 'Your change is saved. '}
          lead={
            isFine
              ? 'The SCIM server responds as identity providers expect.'
              : isHttp
                ? troubleOf(found.length, isAnswered, isStopped)
                : 'The SCIM server’s response is not HTTP.'
          }
          detail={`${sent} Nothing was changed.`}
          acts={<Act action={`${address}/test`} name="Test again" />}
        />
        <List of={checks} row={(check) => <CheckRow check={check} />} />
        <div class="acts">
          {mayChange && isUnknownUs && <Go href={form} name={PAGE_ACTS['change-server-credential']} tone="primary" />}
          {mayChange && !isUnknownUs && found.some((problem) => OF_THE_URL.has(problem)) && (
            <Go href={form} name={PAGE_ACTS['change-url']} />
          )}
          <Go href={address} name={`Back to ${directory.name}`} />
        </div>
      </>
    ),
  };
}

/** What another URL may fix. */
const OF_THE_URL: ReadonlySet<string> = new Set(['wrong_base', 'not_scim', 'unreachable']);

function troubleOf(wrong: number, isAnswered: boolean, isStopped: boolean): string {
  if (!isAnswered) return 'The SCIM server did not respond.';
  if (isStopped && wrong === 1) return 'The SCIM server refused our request.';
  return wrong === 1
    ? 'Identity providers will have trouble with 1 response.'
    : `Identity providers will have trouble with ${wrong} responses.`;
}

function CheckRow({ check }: { check: UpstreamTestCheck }) {
  const { path, status, problem, cause, detail, elapsedMs } = check;
  return (
    <li>
      <span class="what">
        <span>
          <Icon name={problem === null ? 'ok' : 'bad'} /> <b>{aimOf(path)}</b>
        </span>
        {detail !== null && (
          <span>
            {detail} {cause !== null && CAUSES[cause]}
          </span>
        )}
        <small class="mono">GET {path}</small>
      </span>
      <span class="what end">
        <small>
          {status ?? (cause === 'wrong_protocol' ? 'not HTTP' : 'no response')}, {elapsedMs.toLocaleString('en')} ms
        </small>
      </span>
    </li>
  );
}

/** What a check is about: by the query of its path one knows who sends it. */
function aimOf(path: string): string {
  const [place = ''] = path.split('?');
  if (place === '/ServiceProviderConfig') return 'Describes its features';
  const what = place === '/Groups' ? 'group' : 'user';
  return `Finds no ${what} for an unused name, in the query that ${path.includes('startIndex') ? 'Okta' : 'Entra ID'} sends`;
}

const CAUSES: Record<NonNullable<UpstreamTestCheck['cause']>, string> = {
  dns: 'Its host name does not resolve.',
  tls: 'Its certificate can’t be verified.',
  tls_expired: 'Its certificate has expired.',
  tls_not_yet_valid: 'Its certificate is not valid yet. Check the clock on this server too.',
  tls_name: 'Its certificate is for another host name.',
  tls_untrusted: 'Its certificate is from an authority that this server does not trust.',
  tls_chain: 'It is not sending the intermediate certificates.',
  tls_handshake:
    'It did not agree with us on a TLS connection. Check the host name in its URL, and its TLS versions and ciphers. It may also require a client certificate.',
  refused: 'It is refusing connections. Check that it is running, and check the port in its URL.',
  timeout: 'It did not accept a connection in time. Check the firewall between the two servers.',
  no_route: 'Its address can’t be reached from here.',
  not_allowed: 'Its address is private. To allow it, set LATCHKEY_UPSTREAM_ALLOW.',
  wrong_protocol: 'Check the port in its URL, and whether it should start with http or https.',
  closed: 'It closed the connection before responding.',
};
