/** SCIM servers that fail, one way for each finding. */
import type { RequestListener } from 'node:http';

export const LIST = JSON.stringify({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
  totalResults: 0,
});
export const ERROR = (status: number, detail: string) =>
  JSON.stringify({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), detail });

export const answer =
  (status: number, body: string, type = 'application/scim+json'): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': type }).end(body);

export const UPSTREAM_SCENARIOS: [code: string, behaviour: RequestListener, says: RegExp][] = [
  ['upstream_wrong_base', answer(404, ERROR(404, 'x')), /answered list requests with a 404/],
  [
    'upstream_not_scim',
    answer(200, '<html></html>', 'text/html'),
    /answered with a 200 and a web page \(text\/html\) instead of SCIM/,
  ],
  [
    'upstream_unreadable',
    (_request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/scim+json', 'content-encoding': 'compress' })
        .end(Buffer.from('1f9d900a', 'hex')),
    /compressed its responses with compress, which we did not ask for.*URLs in them lead to the SCIM server instead of here/,
  ],
  [
    'upstream_refuses_us',
    answer(401, 'no'),
    /rejected our request with a 401\. We send it no credential\..*None is sent now/,
  ],
  ['upstream_failing', answer(500, ERROR(500, 'x')), /answered with a 500/],
  ['upstream_limits', answer(429, ERROR(429, 'x')), /429/],
  [
    'upstream_cut',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/scim+json', 'content-length': '500' });
      response.write(LIST);
      setImmediate(() => response.destroy());
    },
    /cut its responses short/,
  ],
  [
    'upstream_cut',
    (_request, response) =>
      response.writeHead(200, { 'content-type': 'application/scim+json', 'content-encoding': 'gzip' }).end('oops'),
    /named gzip as the compression of its responses, but they can't be decompressed that way/,
  ],
];
