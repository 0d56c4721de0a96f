/** The words of findings about the SCIM server behind the gateway. */
import type { Code } from './codes.ts';
import { capital, say, type Text } from './say.ts';
import { kindsOf, type Speak, type Speech, tally, vendorDoes } from './speech.ts';

/** Accepted here, failed there. `says`: after "your SCIM server" or the vendor's name. */
function failure(says: (speech: Speech) => Text, steps: (speech: Speech) => Text[]): Speak {
  return (speech) => {
    const { finding, audience, vendor, directory } = speech;
    const server = audience === 'operator' ? 'Your SCIM server' : `${capital(vendor)}'s SCIM server`;
    const kinds = kindsOf(finding.facts.request);
    const isPart = finding.severity === 'degraded';
    return {
      lead: isPart ? 'Some requests are failing at the SCIM server.' : 'Provisioning is failing at the SCIM server.',
      rest: say`The token is valid. ${server} ${says(speech)}`,
      detail: say`${kinds === '' ? '' : `Affected: ${kinds}. `}${tally(speech)}`,
      steps: vendorDoes(speech, steps(speech), 'has to fix its SCIM server'),
      ...(audience === 'operator' &&
        directory.upstreamUrl !== undefined && { value: { label: 'SCIM server URL', value: directory.upstreamUrl } }),
    };
  };
}

const CAUSES: Record<string, { what: string; fix: string }> = {
  dns: { what: 'has a host name that does not resolve.', fix: 'Check the host name in the SCIM server URL.' },
  tls: {
    what: 'has a certificate that cannot be verified.',
    fix: 'Renew the certificate, or serve the whole certificate chain.',
  },
  refused: {
    what: 'is refusing connections.',
    fix: 'Check that it is running, and that the port in its URL is right.',
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

const isRedirect = ({ finding: { facts } }: Speech) => Math.floor((facts.status ?? 0) / 100) === 3;

export const UPSTREAM_WORDS = {
  upstream_not_set: (speech) => ({
    lead: 'Requests are accepted but not passed on.',
    rest: say`This directory has no SCIM server URL yet.`,
    detail: tally(speech),
    steps: vendorDoes(speech, [say`Set this directory's SCIM server URL.`], 'has to set the URL of its SCIM server'),
  }),
  upstream_unreachable: failure(
    ({ finding }) => say`${CAUSES[finding.facts.cause ?? '']?.what ?? 'could not be reached.'}`,
    ({ finding }) => [
      say`${CAUSES[finding.facts.cause ?? '']?.fix ?? 'Check the SCIM server URL, and that the server can be reached from here.'}`,
    ],
  ),
  upstream_refuses_us: failure(
    (speech) => say`rejected our request with ${status(speech)}.`,
    () => [
      say`Check how this server authenticates to the SCIM server: the credential for the SCIM server on this page, or the X-Scim headers.`,
      say`We answer the identity provider with a 502 instead, so that it doesn't give up a valid token.`,
    ],
  ),
  upstream_wrong_base: failure(
    (speech) =>
      isRedirect(speech)
        ? say`answered with ${status(speech)}, a redirect. Its base URL is probably wrong, or a sign-in page is in front of it.`
        : say`answered list requests with ${status(speech)}, so its base URL is probably wrong.`,
    () => [say`Set the SCIM server URL to the part before /Users and /Groups.`],
  ),
  upstream_not_scim: failure(
    (speech) => say`answered with ${status(speech)} and something that is not SCIM, such as a web page.`,
    () => [say`Set the SCIM server URL to the SCIM API, not to a website or a sign-in page in front of it.`],
  ),
  upstream_rejects_content: (speech) => {
    const { text } = speech.finding.facts;
    const { idp, Name } = speech;
    const quirk = idp.quirks.find((candidate) => candidate.in === 'update' || candidate.in === 'create');
    return {
      lead: 'The SCIM server is rejecting some changes.',
      rest:
        text === undefined
          ? say`It answered with ${status(speech)} and gave no reason.`
          : say`It answered with ${status(speech)}: ${{ value: text }}`,
      detail: say`Affected: ${kindsOf(speech.finding.facts.request)}. ${tally(speech)}`,
      steps: vendorDoes(
        speech,
        [
          say`Compare what ${speech.name} sends with what the SCIM server accepts, starting with the reason above.`,
          ...(quirk ? [say`${Name}: ${quirk.says}`] : []),
        ],
        'has to check its SCIM server; the reason is above',
      ),
    };
  },
  upstream_failing: failure(
    (speech) => say`answered with ${status(speech)}.`,
    () => [say`Check its log at the time of the last request. Our request ID is in the X-Request-Id header.`],
  ),
  upstream_cut: failure(
    () => say`cut its responses short.`,
    () => [say`Look for a crash, or a proxy in front of it that limits the size or duration of responses.`],
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
