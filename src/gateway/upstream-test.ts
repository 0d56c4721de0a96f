/**
 * "Test the SCIM server": asks what Entra and Okta ask when somebody presses their own test button, by the way that a request of the IdP
 * would go, and says what an IdP would stumble over. It changes nothing at the SCIM server and counts as no use of a credential.
 */
import type { Clock } from '../clock.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { type Random, randomText } from '../identifiers.ts';
import { withTransferCodings } from './answer.ts';
import { codingOf } from './content-codings.ts';
import { causeOf, outcomeOf, type UnreachableCause } from './outcome.ts';
import type { Transport } from './transport.ts';
import type { UpstreamCredentials } from './upstream-credential.ts';

/** The outcomes of the gateway, and what is wrong with an answer beyond those. */
export const TEST_PROBLEMS = [
  'normal_refusal',
  'unreachable',
  'refuses_us',
  'wrong_base',
  'not_scim',
  'unreadable',
  'rejects_content',
  'failing',
  'cut',
  'slow',
  'limits',
  'not_200',
  'no_list',
  'filter_ignored',
] as const;
export type TestProblem = (typeof TEST_PROBLEMS)[number];
type Problem = TestProblem | 'ok';

export interface UpstreamTestCheck {
  /** What is asked for, as an IdP would. */
  path: string;
  status: number | null;
  problem: TestProblem | null;
  cause: UnreachableCause | null;
  /** What an IdP would make of it; undefined where all is well. */
  detail: string | null;
  elapsedMs: number;
}

export interface UpstreamTestReport {
  isFine: boolean;
  checks: UpstreamTestCheck[];
}

export interface UpstreamTestDependencies {
  transport: Transport;
  credentials: UpstreamCredentials;
  clock: Clock;
  random: Random;
  publicUrl: string;
  /** What the gateway waits for an answer. */
  headersTimeoutMs: number;
}

/** Within which the whole test is done; what is not asked by then is told as slow. */
export const UPSTREAM_TEST_MS = 120_000;
const LONGEST_BYTES = 256 * 1024;

const SAYS: Record<TestProblem, string> = {
  normal_refusal: 'It refused a request that every identity provider sends.',
  unreachable: 'It could not be reached.',
  refuses_us: 'It refused the gateway. Check the credential for the SCIM server, or give the gateway access.',
  wrong_base: "This list doesn't exist. The SCIM server URL may be wrong. It must be the part before /Users.",
  not_scim: 'Its response is not JSON. The SCIM server URL may be a web page.',
  unreadable:
    'It compressed its response although it was asked not to. An identity provider may not be able to read it.',
  rejects_content: 'It rejected a filter that Okta and Entra ID send.',
  failing: 'It responded with an error.',
  cut: 'It cut off its response.',
  slow: 'It did not respond in time: the gateway would have given up too.',
  limits: 'It asked us to slow down.',
  not_200: 'It responded with a status other than 200.',
  no_list:
    'Its response is not a list: totalResults is missing. Entra ID and Okta need an empty list here, with status 200.',
  filter_ignored:
    'It ignores the filter: it found users or groups for an unused name. An identity provider would link the wrong person.',
};

const NOT_HTTP = 'It answered, but not with HTTP.';

/** What Entra ID and Okta ask for when somebody presses their test button: a name that nobody has. */
const pathsFor = (nobody: string) => [
  '/ServiceProviderConfig',
  `/Users?filter=userName+eq+%22${nobody}%22`,
  `/Users?filter=userName%20eq%20%22${nobody}%22&startIndex=1&count=100`,
  `/Groups?excludedAttributes=members&filter=displayName+eq+%22${nobody}%22`,
  `/Groups?filter=displayName%20eq%20%22${nobody}%22&startIndex=1&count=100`,
];

/** Whether the test ended before all was asked: what cannot be reached, or refuses us, answers nothing else better. */
export function isTestCutShort({ checks }: UpstreamTestReport): boolean {
  return checks.length < pathsFor('').length;
}

interface Received {
  status: number;
  contentType: string;
  /** Without any coding, as was asked for. */
  isPlain: boolean;
  text: string;
}

export function createUpstreamTest(
  deps: UpstreamTestDependencies,
): (directory: Directory) => Promise<UpstreamTestReport> {
  const { transport, credentials, clock, random, publicUrl, headersTimeoutMs } = deps;
  const underWay = new Set<string>();

  return async function test(directory) {
    const { id, upstreamUrl } = directory;
    if (upstreamUrl === undefined)
      throw new AppError('invalid_request', { detail: 'This directory has no upstreamUrl to test.' });
    if (underWay.has(id))
      throw new AppError('invalid_request', { detail: 'A test for this directory is already running.' });
    underWay.add(id);
    try {
      const nobody = `latchkey-test-${randomText(12, random)}`;
      const checks: UpstreamTestCheck[] = [];
      const endsAt = clock.monotonicMs() + UPSTREAM_TEST_MS;
      for (const path of pathsFor(nobody)) {
        const patienceMs = Math.min(headersTimeoutMs, endsAt - clock.monotonicMs());
        const check = await ask(directory, upstreamUrl, path, patienceMs);
        checks.push(check);
        // What cannot be reached, or refuses us, answers nothing else better.
        if (check.problem === 'unreachable' || check.problem === 'slow' || check.problem === 'refuses_us') break;
      }
      return { isFine: checks.every(({ problem }) => problem === null), checks };
    } finally {
      underWay.delete(id);
    }
  };

  async function ask(
    directory: Directory,
    upstreamUrl: string,
    path: string,
    patienceMs: number,
  ): Promise<UpstreamTestCheck> {
    const startedAt = clock.monotonicMs();
    const [place = path] = path.split('?');
    const done = (
      problem: Problem,
      status: number | null,
      cause: UnreachableCause | null = null,
    ): UpstreamTestCheck => ({
      path,
      status,
      problem: problem === 'ok' ? null : problem,
      cause,
      detail: problem === 'ok' ? null : cause === 'wrong_protocol' ? NOT_HTTP : SAYS[problem],
      elapsedMs: Math.round(clock.monotonicMs() - startedAt),
    });
    try {
      const { status, contentType, isPlain, text } = await get(directory, upstreamUrl, path, patienceMs);
      if (!isPlain && status === 200) return done('unreadable', status);
      const elapsedMs = clock.monotonicMs() - startedAt;
      const outcome = outcomeOf({ method: 'GET', path: place, status, contentType, elapsedMs, text, hasBody: true });
      // Not every server describes itself, and no IdP insists.
      if (place === '/ServiceProviderConfig' && status === 404) return done('ok', status);
      if (outcome !== 'ok' && outcome !== 'not_set') return done(outcome, status);
      if (status !== 200) return done('not_200', status);
      return done(place === '/ServiceProviderConfig' ? 'ok' : judgeList(text), status);
    } catch (error) {
      if (error instanceof LateError) return done('slow', null);
      return error instanceof CutError ? done('cut', null) : done('unreachable', null, causeOf(error as Error));
    }
  }

  async function get(directory: Directory, upstreamUrl: string, path: string, patienceMs: number): Promise<Received> {
    const { origin, pathname } = new URL(upstreamUrl);
    const { id, organizationId } = directory;
    const credential = await credentials.headerOf(directory, 'scim', origin);
    const { host, protocol } = new URL(publicUrl);
    const headers = [
      ...['Accept', 'application/scim+json, application/json', 'Accept-Encoding', 'identity'],
      ...['User-Agent', 'Latchkey (test of the SCIM server)', 'X-Forwarded-Proto', protocol.slice(0, -1)],
      ...['X-Forwarded-Host', host, 'X-Forwarded-Prefix', `/scim/v2/${directory.endpointKey}`],
      ...['X-Scim-Directory', id, 'X-Scim-Organization', organizationId, 'X-Scim-Scope', 'scim'],
      ...(credential ? [credential.name, credential.value] : []),
    ];
    return new Promise((resolve, reject) => {
      const received: Received = { status: 0, contentType: '', isPlain: true, text: '' };
      let timer: NodeJS.Timeout | undefined;
      transport.dispatch(
        { origin, path: pathname.replace(/\/+$/, '') + path, method: 'GET', headers },
        {
          onRequestStart(controller) {
            timer = setTimeout(() => controller.abort(new LateError()), Math.max(patienceMs, 0));
          },
          onResponseStart(_controller, status, headers) {
            received.status = status;
            received.contentType = String(headers['content-type'] ?? '');
            received.isPlain = codingOf(withTransferCodings(headers)['content-encoding']) === undefined;
          },
          onResponseData(_controller, chunk) {
            if (received.text.length < LONGEST_BYTES) received.text += chunk.toString();
          },
          onResponseEnd() {
            clearTimeout(timer);
            resolve(received);
          },
          onResponseError(_controller, error) {
            clearTimeout(timer);
            const isCut = received.status !== 0 && !(error instanceof LateError);
            reject(isCut ? new CutError() : error);
          },
        },
      );
    });
  }
}

class LateError extends Error {}
class CutError extends Error {}

function judgeList(text: string): Problem {
  try {
    const list = JSON.parse(text) as { totalResults?: unknown; Resources?: unknown };
    if (typeof list.totalResults !== 'number') return 'no_list';
    return list.totalResults > 0 ? 'filter_ignored' : 'ok';
  } catch {
    return 'no_list';
  }
}
