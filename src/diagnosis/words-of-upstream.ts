/** The words of findings about the SCIM server behind the gateway. */
import type { Code } from './codes.ts';
import { act, capital, list, say, type Text } from './say.ts';
import { date, kindsOf, type Speak, type Speech, tally, vendorDoes } from './speech.ts';

/** Accepted here, failed there. `says`: after "your SCIM server" or the vendor's name. */
function failure(
  says: (speech: Speech) => Text,
  steps: (speech: Speech) => Text[],
  notes: (speech: Speech) => Text[] = () => [],
): Speak {
  return (speech) => {
    const { finding, audience, vendor } = speech;
    const server = audience === 'operator' ? 'Your SCIM server' : `${capital(vendor)}'s SCIM server`;
    const kinds = kindsOf(finding.facts.request);
    const isPart = finding.severity === 'degraded';
    return {
      lead: isPart ? 'Some requests are failing at the SCIM server.' : 'Provisioning is failing at the SCIM server.',
      rest: say`The token is valid. ${server} ${says(speech)}${untried(speech) ?? neverWorked(speech)}`,
      detail: say`${kinds === '' ? '' : `Affected: ${kinds}. `}${tally(speech)}`,
      steps: vendorDoes(
        speech,
        untried(speech) ? [tryIt] : [...steps(speech), say`${act('test-server')} on this page.`],
        'has to fix its SCIM server',
      ),
      ...(audience === 'operator' && { notes: [...answerNotes(speech), ...urlNotes(speech), ...notes(speech)] }),
    };
  };
}

/** Which URL is set, and whether somebody changed it: a URL that worked and that nobody touched points at the server. */
function urlNotes({ finding, directory: { upstreamUrl } }: Speech): Text[] {
  const { server } = finding.facts;
  if (upstreamUrl === undefined) return [];
  const url = say`The SCIM server URL is ${{ value: upstreamUrl }} now.`;
  if (!server) return [url];
  const { changedAt, changedBy, before } = server;
  if (changedAt === undefined) return [say`${url} It has never been changed here.`];
  const was = before === undefined ? '' : say` Before that, it was ${{ value: before }}.`;
  return [say`${url} ${capital(changedBy ?? 'someone')} changed it here ${date(changedAt)}.${was}`];
}

/** What the latest answer looked like. */
function answerNotes({ finding: { facts } }: Speech): Text[] {
  const { status: code, contentType, redirectsTo } = facts;
  const parts = [
    code === undefined ? '' : `status ${code}`,
    contentType === undefined ? '' : `content type ${contentType}`,
    redirectsTo === undefined ? '' : `a redirect to ${redirectsTo}`,
  ].filter((part) => part !== '');
  return parts.length < 2 ? [] : [say`Its latest failed response: ${list(parts)}.`];
}

/** What points at the URL rather than at the server. */
function isNew({ audience, finding: { code, facts } }: Speech): boolean {
  return audience === 'operator' && ABOUT_THE_URL.has(code) && facts.server?.hasWorked === false;
}
const ABOUT_THE_URL: ReadonlySet<Code> = new Set(['upstream_unreachable', 'upstream_wrong_base', 'upstream_not_scim']);

const neverWorked = (speech: Speech) => (isNew(speech) ? ' It has never worked with this URL.' : '');

/** What failed was before the URL was changed, so that nothing is known yet of the one that is set now. */
function untried({ finding: { facts } }: Speech): Text | undefined {
  const { changedAt } = facts.server ?? {};
  if (changedAt === undefined || facts.lastAt === undefined || changedAt <= facts.lastAt) return undefined;
  return say` That was before the SCIM server URL was changed ${date(changedAt)}. No request has arrived since then.`;
}

const tryIt = say`${act('test-server')} on this page, or wait for the next request.`;

/** Where the same URL worked before and nobody changed it here, the server comes before the URL. */
function changedFirst(speech: Speech, look: string): Text[] {
  return isServersDoing(speech)
    ? [say`Find out what changed at the SCIM server: the same URL worked before. Look for ${look}.`]
    : [];
}

function newUrl(speech: Speech, to: string): Text {
  return isServersDoing(speech)
    ? say`If it has another address now, choose “${act('change-url')}” on this page: ${to}.`
    : say`${act('change-url')} on this page: ${to}.`;
}

/** The URL worked before and nobody changed it here since. */
const isServersDoing = ({ finding: { facts } }: Speech) => facts.server?.hasWorked === true;

/** After “the SCIM server”. */
export const UNREACHABLE_WORDS: Record<string, { what: string; fix: string }> = {
  dns: { what: 'has a host name that does not resolve.', fix: 'Check the host name in the SCIM server URL.' },
  tls: {
    what: 'has a certificate that cannot be verified.',
    fix: 'Renew the certificate, or serve the whole certificate chain.',
  },
  refused: {
    what: 'is refusing connections.',
    fix: 'Check that the SCIM server is running, and that the port in its URL is right. If both are, a firewall between this server and the SCIM server is rejecting connections.',
  },
  tls_expired: {
    what: 'has a TLS certificate that has expired.',
    fix: 'Renew the TLS certificate of the host in the SCIM server URL, and load it into the server or proxy in front of it.',
  },
  tls_not_yet_valid: {
    what: 'has a TLS certificate that is not valid yet.',
    fix: 'Check the time on this server, and the beginning of the certificate.',
  },
  tls_name: {
    what: 'has a TLS certificate for another host name.',
    fix: 'Get a certificate for the host in the SCIM server URL, or change the URL to a host that the certificate names.',
  },
  tls_untrusted: {
    what: 'has a TLS certificate from an authority that this server does not trust.',
    fix: 'Use a certificate of a public authority, or trust yours with NODE_EXTRA_CA_CERTS.',
  },
  tls_chain: {
    what: 'sends a TLS certificate without the chain that leads to a trusted authority.',
    fix: 'Serve the intermediate certificates along with it. If the authority is your own, trust it with NODE_EXTRA_CA_CERTS.',
  },
  tls_handshake: {
    what: 'did not agree with us on a TLS connection.',
    fix: 'Check the host name in the SCIM server URL, and which TLS versions and ciphers its server or proxy allows. It may also require a client certificate, which we do not have.',
  },
  timeout: {
    what: 'did not accept a connection in time.',
    fix: 'Check the firewall between this server and the SCIM server.',
  },
  no_route: {
    what: 'has an address that cannot be reached from here.',
    fix: 'Check the network between the two servers.',
  },
  not_allowed: {
    what: 'has a private address, which is not allowed.',
    fix: 'Add its address to LATCHKEY_UPSTREAM_ALLOW, or use a public URL.',
  },
  wrong_protocol: {
    what: 'answered with something that is not HTTP.',
    fix: 'Check the port in the SCIM server URL, and whether it should start with http or https.',
  },
  closed: {
    what: 'closed the connection before answering.',
    fix: 'Check its log at the time of the last request.',
  },
};

const status = ({ finding }: Speech) => (finding.facts.status === undefined ? 'an error' : `a ${finding.facts.status}`);

/** What is set behind the gateway is the vendor's own business. */
function unauthenticated({ audience, finding: { facts } }: Speech): string {
  return audience === 'operator' && facts.server?.sendsCredential === false ? ' We send it no credential.' : '';
}

const target = ({ finding: { facts } }: Speech) => (facts.redirectsTo === undefined ? '' : ` to ${facts.redirectsTo}`);

/** After “a 200 and”. */
function bodyOf({ finding: { facts } }: Speech): string {
  const { contentType } = facts;
  if (contentType === undefined) return 'something that is not SCIM, such as a web page';
  if (/html/.test(contentType)) return `a web page (${contentType}) instead of SCIM`;
  return `a body that is not SCIM (its content type is ${contentType})`;
}

const isRedirect = ({ finding: { facts } }: Speech) => Math.floor((facts.status ?? 0) / 100) === 3;

export const UPSTREAM_WORDS = {
  upstream_not_set: (speech) => {
    const before = untried(speech);
    return {
      lead: 'Requests are accepted but not passed on.',
      rest: before
        ? say`This directory had no SCIM server URL.${before}`
        : say`This directory has no SCIM server URL yet.`,
      detail: tally(speech),
      steps: vendorDoes(
        speech,
        [before ? tryIt : say`${act('change-url')} of the SCIM server on this page: none is set yet.`],
        'has to set the URL of its SCIM server',
      ),
    };
  },
  upstream_unreachable: failure(
    ({ finding }) => say`${UNREACHABLE_WORDS[finding.facts.cause ?? '']?.what ?? 'could not be reached.'}`,
    (speech) => {
      const { cause = '' } = speech.finding.facts;
      const { fix } = UNREACHABLE_WORDS[cause] ?? {
        fix: 'Check the SCIM server URL, and that the server can be reached from here.',
      };
      const look = cause.startsWith('tls') ? 'a new certificate' : 'a restart, a deployment, or a rule of a firewall';
      const { upstreamUrl = '' } = speech.directory;
      const url = isNew(speech)
        ? [say`${act('change-url')} on this page, if ${{ value: upstreamUrl }} isn't the right one.`]
        : [];
      return [...changedFirst(speech, look), ...url, say`${fix}`];
    },
  ),
  upstream_refuses_us: failure(
    (speech) => say`rejected our request with ${status(speech)}.${unauthenticated(speech)}`,
    (speech) => [
      isServersDoing(speech)
        ? say`Find out what changed at the SCIM server: it took the same requests before. Look for a new secret, or a new rule of a proxy.`
        : say`Find out what the SCIM server expects: a credential, or the X-Scim headers.`,
      speech.finding.facts.server?.sendsCredential === false
        ? say`If it expects a credential, choose “${act('change-server-credential')}” on this page. None is sent now.`
        : say`If it expects another credential, choose “${act('change-server-credential')}” on this page.`,
    ],
    ({ Name }) => [say`${Name} gets 502 instead of 401 or 403, so that it doesn't reject a valid token.`],
  ),
  upstream_wrong_base: failure(
    (speech) =>
      isRedirect(speech)
        ? say`answered with ${status(speech)}, a redirect${target(speech)}. Its base URL is probably wrong, or a sign-in page is in front of it.`
        : say`answered list requests with ${status(speech)}, so it has nothing at its base URL.`,
    (speech) => [
      ...changedFirst(speech, 'a deployment, or a new route or rule of a proxy'),
      newUrl(speech, 'the part before /Users and /Groups'),
    ],
  ),
  upstream_not_scim: failure(
    (speech) => say`answered with ${status(speech)} and ${bodyOf(speech)}.`,
    (speech) => [
      ...changedFirst(speech, 'a new sign-in page or proxy in front of it, or a deployment'),
      newUrl(speech, 'to the SCIM API, not to a website or a sign-in page in front of it'),
    ],
  ),
  upstream_unreadable: failure(
    ({ finding: { facts } }) =>
      say`compressed its responses with ${facts.text === undefined ? 'an unknown method' : { value: facts.text }}, which we did not ask for. We pass them on as they are, so URLs in them lead to the SCIM server instead of here.`,
    () => [
      say`Have the SCIM server, or the proxy in front of it, compress only as the Accept-Encoding header of the request allows: gzip, deflate and br are fine.`,
    ],
  ),
  upstream_rejects_content: (speech) => {
    const { text } = speech.finding.facts;
    const { idp, Name, audience, vendor } = speech;
    const quirk = idp.quirks.find((candidate) => candidate.in === 'update' || candidate.in === 'create');
    return {
      lead: 'The SCIM server is rejecting some changes.',
      rest:
        text === undefined
          ? say`It answered with ${status(speech)} and gave no reason.`
          : say`It answered with ${status(speech)}: ${{ value: text }}`,
      detail: say`Affected: ${kindsOf(speech.finding.facts.request)}. ${tally(speech)}`,
      steps: [
        text === undefined
          ? say`Find the attribute that the SCIM server rejects, in its log for the last request.`
          : say`Decide whether the SCIM server should accept what it rejects. Its reason is above.`,
        audience === 'operator'
          ? say`If it should, change your SCIM server. If it used to accept the same changes, undo what was changed there.`
          : say`If it should, ask ${vendor} to accept it, and send them the details: ${act('copy-ticket')}.`,
        audience === 'operator'
          ? say`If it shouldn't, the customer's IT contact has to change or remove that attribute in the attribute mappings of ${speech.name}.`
          : say`If it shouldn't, change or remove that attribute in the attribute mappings of ${speech.name}.`,
        ...(audience === 'operator' && quirk ? [say`${Name}: ${quirk.says}`] : []),
      ],
    };
  },
  upstream_failing: failure(
    (speech) => say`answered with ${status(speech)}.`,
    (speech) => {
      const { requestId, lastAt, contentType = '' } = speech.finding.facts;
      return [
        ...(/html/.test(contentType)
          ? [
              say`Start with the proxy or load balancer in front of the SCIM server: ${status(speech)} with a web page usually comes from there, while the server is overloaded, restarting or down. Check whether it finds a healthy server to send requests to.`,
            ]
          : []),
        ...(requestId === undefined
          ? [say`Check the SCIM server's log at the time of the last request.`]
          : [
              say`Look for the last failed request in the SCIM server's log. We sent its ID in the X-Request-Id header: ${{ value: requestId }}. If the server doesn't log that header, go by the time: ${date(lastAt)}.`,
              say`If the request is there, fix the error that the log shows. If it isn't, it never reached the server, and the proxy or load balancer answered: fix that.`,
            ]),
      ];
    },
    ({ finding: { severity } }) =>
      severity === 'degraded'
        ? [
            say`Only some requests are failing, so a single test that passes proves nothing. It is fixed when no more failures are added here.`,
          ]
        : [],
  ),
  upstream_cut: failure(
    ({ finding: { facts } }) =>
      facts.text === undefined
        ? say`cut its responses short.`
        : say`named ${{ value: facts.text }} as the compression of its responses, but they can't be decompressed that way.`,
    ({ finding: { facts } }) => [
      facts.text === undefined
        ? say`Look for a crash, or a proxy in front of it that limits the size or duration of responses.`
        : say`Find out what changes the compressed responses, or names the wrong method in the Content-Encoding header: the SCIM server, or a proxy in front of it.`,
    ],
  ),
  upstream_slow: failure(
    () => say`took more than 30 seconds to answer.`,
    () => [say`Find out which requests are slow. Most identity providers give up after 30 to 60 seconds.`],
  ),
  upstream_limits: failure(
    () => say`limited the rate of our requests with 429 responses.`,
    () => [say`Allow at least 25 requests a second for each customer, as Entra ID and the IPSIE profile expect.`],
  ),
} satisfies Partial<Record<Code, Speak>>;
