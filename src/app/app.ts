/** The whole application: what answers a request, what runs in the background, and how it ends. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ENDPOINT_KEY } from '../directories/index.ts';
import { AppError, asAppError } from '../errors.ts';
import { sendProblem } from '../http/error-responses.ts';
import { createHosts } from '../http/hosts.ts';
import { createTrust, newRequestId } from '../http/request-context.ts';
import { originForm, withoutStraySlashes } from '../http/request-target.ts';
import type { UnreadableRequest } from '../http/server.ts';
import { withoutUnguessable } from '../secrets/redaction.ts';
import { type AppDependencies, createFoundation } from './foundation.ts';
import { createMachines } from './machines.ts';
import { createMounts, type Handler } from './mounts.ts';
import { createPeople } from './people.ts';
import { createRounds } from './rounds.ts';

export type App = Awaited<ReturnType<typeof createApp>>;

/** Load balancers ask for health by names of their own; forward-auth has the host of the API that the proxy protects. */
const ANY_HOST = /^\/(?:healthz$|readyz$|auth\/verify(?:\/|$))/;

/** Prepares the store and returns what answers requests. Throws storage_unavailable. */
export async function createApp(deps: AppDependencies) {
  const { config, publicUrl, log, serves = true } = deps;
  const foundation = createFoundation(deps);
  const machines = createMachines(deps, foundation, (change) => people.notifications.findingsChanged(change));
  const people = createPeople(deps, foundation, machines);
  const { clock, metrics, storage, instances, audit, context, operations } = foundation;
  const { directories, removal, apiKeys, credentials, oauth, diagnoses, gateway } = machines;
  const { operators, notifications, portalLinks } = people;

  await storage.prepare([
    ...audit.migrations,
    ...oauth.clients.migrations,
    ...diagnoses.current.migrations,
    ...notifications.deliveries.migrations,
  ]);
  if (serves) await instances.announce();
  await oauth.reload();

  const handlerAt = createMounts(deps, foundation, machines, people);
  const { rounds, flush } = createRounds(deps, foundation, machines, people);
  const hosts = createHosts({
    publicUrl,
    names: config.LATCHKEY_HOSTS,
    isTrusted: createTrust(config.LATCHKEY_TRUSTED_PROXIES),
  });

  // Nobody's answer waits for it, and a start need not either.
  const recovered = audit.recover(0).catch((error: unknown) => {
    log.warn({ err: error, round: 'recovery' }, 'a background round failed; Latchkey tries again');
  });

  return {
    audit,
    apiKeys,
    credentials,
    directories,
    removal,
    clients: oauth.clients,
    portalLinks,
    operators,
    keys: oauth.keys,
    rounds,
    notifications,
    hasRightClock: instances.hasRightClock,
    /** The request listener of the whole product. */
    handle(request: IncomingMessage, response: ServerResponse): void {
      try {
        request.url = withoutStraySlashes(originForm(request.url ?? '/'));
        const answering = handlerOf(request, request.url)(request, response);
        if (answering) answering.catch(fail);
      } catch (error) {
        fail(error);
      }
      function fail(error: unknown): void {
        const requestId = context.requestIdOf(request);
        const told = asAppError(error);
        if (told.status >= 500) log.error({ err: error, requestId }, 'a request failed');
        sendProblem(response, told, requestId);
      }
    },
    /** What reached the server and was no request; gives the ID under which it is told. */
    noteUnreadable({ reason, target, method, address }: UnreadableRequest): string {
      const requestId = newRequestId(clock.now());
      metrics.unreadable(reason);
      const endpointKey = /^\/scim\/v2\/([^/?]+)/.exec(target ?? '')?.[1];
      if (endpointKey === undefined || !ENDPOINT_KEY.test(endpointKey)) return requestId;
      directories.findByReference(endpointKey).then(
        (found) => {
          if (!found) return;
          const where = { organizationId: found.organizationId, directoryId: found.id };
          audit.tallies.note(where, { type: 'request.unreadable', address, requestId, data: { reason, method } });
        },
        (error: unknown) =>
          log.warn({ err: error, requestId }, 'an unreadable request could not be assigned to a directory'),
      );
      return requestId;
    },
    drain: operations.drain,
    /** Waits until what was acknowledged has been told, as far as that can be now. */
    async settled(): Promise<void> {
      await recovered;
      await audit.settled();
      await notifications.settled();
    },
    /** Writes what has been counted, and waits for what is under way. */
    async close(): Promise<void> {
      await Promise.all([recovered, gateway.close(), notifications.close()]);
      await Promise.allSettled([flush(), instances.leave()]);
      await audit.settled();
    },
  };

  /** Throws misdirected. */
  function handlerOf(request: IncomingMessage, url: string): Handler {
    const mark = url.indexOf('?');
    const path = mark === -1 ? url : url.slice(0, mark);
    const stranger = ANY_HOST.test(path) ? undefined : hosts.strangerIn(request);
    if (stranger !== undefined) {
      const host = withoutUnguessable(stranger);
      const detail = `Host must be ${new URL(publicUrl).host}, or a name in LATCHKEY_HOSTS. The request has ${host}.`;
      throw new AppError('misdirected', { detail });
    }
    return handlerAt(path);
  }
}
