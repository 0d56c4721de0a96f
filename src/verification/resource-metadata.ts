/** RFC 9728: what a SCIM endpoint says of itself. The same for every well-formed endpointKey, so that none can be found out here. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SCOPES } from '../credentials/index.ts';
import { ENDPOINT_KEY, endpointUrlOf } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { sendProblem } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';

export const RESOURCE_METADATA_PREFIX = '/.well-known/oauth-protected-resource/scim/v2/';

export function createResourceMetadata({ publicUrl, context }: { publicUrl: string; context: RequestContext }) {
  return function resourceMetadata(request: IncomingMessage, response: ServerResponse): void {
    const [path = ''] = (request.url ?? '').split('?');
    const endpointKey = path.slice(RESOURCE_METADATA_PREFIX.length);
    if (!ENDPOINT_KEY.test(endpointKey)) {
      sendProblem(response, new AppError('not_found'), context.requestIdOf(request));
      return;
    }
    const text = JSON.stringify({
      resource: endpointUrlOf(publicUrl, endpointKey),
      authorization_servers: [publicUrl],
      bearer_methods_supported: ['header'],
      scopes_supported: SCOPES,
    });
    response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'max-age=300',
    });
    response.end(text);
  };
}
