/** What forwarding needs of a directory, worked out once per grant and kept as long as the grant is remembered. */
import type { Grant } from '../verification/index.ts';
import type { Additions } from './request-headers.ts';
import { createMapUri, type MapUri } from './uris.ts';

export interface Route {
  origin: string;
  /** Without a slash at its end. */
  path: string;
  /** undefined: the directory's answers pass with the URIs that they have. */
  map: MapUri | undefined;
  forwarded: Additions['forwarded'];
  forwardedTail: string;
}

/** `find` gives undefined for a directory without upstream. */
export function createRoutes(publicUrl: string): { find(grant: Grant): Route | undefined } {
  const routes = new WeakMap<Grant, Route>();
  const { host, protocol } = new URL(publicUrl);
  const proto = protocol.slice(0, -1);
  const forwardedTail = `;host="${host}";proto=${proto}`;

  return {
    find(grant) {
      const { upstreamUrl, endpointKey, mapUris = true } = grant.directory;
      if (upstreamUrl === undefined) return undefined;
      let route = routes.get(grant);
      if (!route) {
        const { origin, pathname } = new URL(upstreamUrl);
        const path = pathname.replace(/\/+$/, '');
        const prefix = `/scim/v2/${endpointKey}`;
        route = {
          origin,
          path,
          map: mapUris ? createMapUri(origin + path, publicUrl + prefix) : undefined,
          forwarded: ['X-Forwarded-Proto', proto, 'X-Forwarded-Host', host, 'X-Forwarded-Prefix', prefix],
          forwardedTail,
        };
        routes.set(grant, route);
      }
      return route;
    },
  };
}
