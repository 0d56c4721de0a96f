/** What forwarding needs of a directory, worked out once and kept as long as its settings stay what they are. */
import type { Grant } from '../verification/index.ts';
import { createMapUri, type MapUri } from './uris.ts';

export interface Route {
  /** What it was made of, with the endpoint key. */
  upstreamUrl: string;
  mapUris: boolean;
  origin: string;
  /** Without a slash at its end. */
  path: string;
  /** Without a slash at its end, as the IdP knows it. */
  endpointUrl: string;
  /** undefined: the directory's answers pass with the URIs that they have. */
  map: MapUri | undefined;
  /** Where the endpoint is in public: `X-Forwarded-Proto` and the like, as pairs. */
  forwarded: readonly string[];
  /** `;host=...;proto=...` of `Forwarded` (RFC 7239). */
  forwardedTail: string;
}

/** A bound on memory: beyond it all are worked out anew. */
const ROUTES_KEPT = 10_000;

/** `find` gives undefined for a directory without upstream. */
export function createRoutes(publicUrl: string): { find(grant: Grant): Route | undefined } {
  const routes = new Map<string, Route>();
  const { host, protocol } = new URL(publicUrl);
  const proto = protocol.slice(0, -1);
  const forwardedTail = `;host="${host}";proto=${proto}`;

  return {
    find(grant) {
      const { upstreamUrl, endpointKey, mapUris = true } = grant.directory;
      if (upstreamUrl === undefined) return undefined;
      let route = routes.get(endpointKey);
      if (route?.upstreamUrl !== upstreamUrl || route.mapUris !== mapUris) {
        const { origin, pathname } = new URL(upstreamUrl);
        const path = pathname.replace(/\/+$/, '');
        const prefix = `/scim/v2/${endpointKey}`;
        if (routes.size >= ROUTES_KEPT) routes.clear();
        route = {
          upstreamUrl,
          mapUris,
          origin,
          path,
          endpointUrl: publicUrl + prefix,
          map: mapUris ? createMapUri(origin + path, publicUrl + prefix) : undefined,
          forwarded: ['X-Forwarded-Proto', proto, 'X-Forwarded-Host', host, 'X-Forwarded-Prefix', prefix],
          forwardedTail,
        };
        routes.set(endpointKey, route);
      }
      return route;
    },
  };
}
