/** One POST to a receiver: never to an address that is not allowed, never longer than its time, and of its answer no more than is kept. */
import type { Clock } from '../clock.ts';
import { causeOf, type Transport, type UnreachableCause } from '../gateway/index.ts';
import { withoutSecrets } from '../secrets/redaction.ts';
import type { DeliveryAttempt } from './deliveries.ts';

export interface PostRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface PostResult {
  attempt: DeliveryAttempt;
  retryAfter: string | undefined;
}

export type Post = (request: PostRequest) => Promise<PostResult>;

const KEPT_BYTES = 1024;
/** Of an answer that nobody reads; then the connection is closed. */
const READ_BYTES = 64 * 1024;

export function createPost(deps: { transport: Transport; clock: Clock; timeoutMs: number; agent: string }): Post {
  const { transport, clock, timeoutMs, agent } = deps;
  return ({ url, headers, body }) => {
    const at = clock.now();
    const startedAt = performance.now();
    const { origin, pathname, search } = new URL(url);
    return new Promise((resolve) => {
      let abort: ((error: Error) => void) | undefined;
      let answer: { status: number; contentType?: string; retryAfter?: string } | undefined;
      const chunks: Buffer[] = [];
      let bytes = 0;

      const finish = (reason?: string) => {
        clearTimeout(timer);
        const text = withoutSecrets(Buffer.concat(chunks).subarray(0, KEPT_BYTES).toString('utf8'));
        resolve({
          attempt: {
            at,
            ms: Math.round(performance.now() - startedAt),
            ...(answer && { status: answer.status }),
            ...(reason !== undefined && { reason }),
            ...(answer?.contentType !== undefined && { contentType: answer.contentType.slice(0, 100) }),
            ...(text !== '' && { body: text }),
          },
          retryAfter: answer?.retryAfter,
        });
      };
      const timer = setTimeout(() => {
        finish(`no response within ${Math.round(timeoutMs / 1000)} s`);
        abort?.(new Error('the receiver took too long'));
      }, timeoutMs);

      transport.dispatch(
        {
          origin,
          path: pathname + search,
          method: 'POST',
          headers: { 'content-type': 'application/json', 'user-agent': agent, ...headers },
          body,
        },
        {
          onRequestStart(controller) {
            abort = (error) => controller.abort(error);
          },
          onResponseStart(_controller, status, given) {
            if (status < 200) return;
            const contentType = headerOf(given['content-type']);
            const retryAfter = headerOf(given['retry-after']);
            answer = {
              status,
              ...(contentType !== undefined && { contentType }),
              ...(retryAfter !== undefined && { retryAfter }),
            };
          },
          onResponseData(controller, chunk) {
            bytes += chunk.length;
            if (bytes - chunk.length < KEPT_BYTES) chunks.push(chunk);
            if (bytes <= READ_BYTES) return;
            finish(reasonOf(answer?.status));
            controller.abort(new Error('the answer is no longer needed'));
          },
          onResponseEnd: () => finish(reasonOf(answer?.status)),
          onResponseError: (_controller, error) => finish(answer ? 'the response was cut off' : FAULTS[causeOf(error)]),
        },
      );
    });
  };
}

/** Why an answer is no delivery; undefined for 2xx. */
function reasonOf(status = 0): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return 'redirects are not followed';
  return `answered ${status}`;
}

function headerOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Why no answer came, after "failed: ". */
const FAULTS: Record<UnreachableCause, string> = {
  dns: 'its name was not found',
  tls: 'its certificate is not valid',
  tls_expired: 'its certificate has expired',
  tls_not_yet_valid: 'its certificate is not valid yet',
  tls_name: 'its certificate is for another name',
  tls_untrusted: 'its certificate is from an authority that is not trusted',
  tls_chain: 'it does not send the whole chain of its certificate',
  tls_handshake: 'it did not agree with us on a TLS connection',
  refused: 'it refused the connection',
  timeout: 'no connection in time',
  no_route: 'there is no way to its address',
  not_allowed: 'its address may not be reached',
  wrong_protocol: 'it answered, but not with HTTP',
  closed: 'it closed the connection',
};
