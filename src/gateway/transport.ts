/** The connections to SCIM servers: kept alive, and never to an address that an upstream may not have. */
import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { UpstreamPolicy } from '../directories/index.ts';
import type { LookUpName } from './name-lookups.ts';
import { guideReading } from './reading.ts';

export interface TransportOptions {
  policy: UpstreamPolicy;
  lookUpName: LookUpName;
  /** Until a connection stands, TLS included. */
  connectTimeoutMs: number;
  /** Until a whole exchange has ended. */
  timeoutMs: number;
}

export interface Transport {
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  close(): Promise<void>;
}

/** The address is one that no upstream may have, whatever was configured. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/** Shorter than servers keep an idle connection, so that few are closed just as we use them. */
const IDLE_MS = 4000;
const CONNECTORS_KEPT = 1000;

export function createTransport({ policy, lookUpName, connectTimeoutMs, timeoutMs }: TransportOptions): Transport {
  /** By origin, since the rules depend on port and scheme, which a lookup is not told. */
  const connectors = new Map<string, buildConnector.connector>();

  function connectorOf(protocol: string, hostname: string, port: number): buildConnector.connector {
    const key = `${protocol}//${hostname}:${port}`;
    let connector = connectors.get(key);
    if (!connector) {
      if (connectors.size >= CONNECTORS_KEPT) connectors.clear();
      connector = buildConnector({ timeout: connectTimeoutMs, lookup: allowedLookup({ protocol, hostname, port }) });
      connectors.set(key, connector);
    }
    return connector;
  }

  /** Resolves a name to addresses that may be connected to: what a name means is decided now, not when it was configured. */
  function allowedLookup(target: { protocol: string; hostname: string; port: number }): LookupFunction {
    async function allowedAddresses(hostname: string): Promise<[LookupAddress, ...LookupAddress[]]> {
      const addresses = await lookUpName(hostname);
      const allowed = await policy.allowed(
        target,
        addresses.map(({ address }) => address),
      );
      const [first, ...others] = addresses.filter(({ address }) => allowed.includes(address));
      if (!first) throw new AddressRefusedError(`${hostname} resolves to no address that is allowed`);
      return [first, ...others];
    }

    return (hostname, options, callback) => {
      allowedAddresses(hostname).then(
        (open) => {
          if (options.all) callback(null, open);
          else callback(null, open[0].address, open[0].family);
        },
        (error: Error) => callback(error, ''),
      );
    };
  }

  const agent = new Agent({
    // One and the same, so that its timer goes on from request to request; the limits of an exchange are the caller's to keep.
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: IDLE_MS,
    connect(options, callback) {
      const { protocol } = options;
      const hostname = options.hostname.replace(/^\[|\]$/g, '');
      const port = Number(options.port) || (protocol === 'https:' ? 443 : 80);
      const go = () =>
        connectorOf(
          protocol,
          hostname,
          port,
        )(options, (...result) => {
          const [, socket] = result;
          if (socket) guideReading(socket);
          callback(...result);
        });
      if (isIP(hostname) === 0) go();
      else {
        policy.allowed({ protocol, hostname, port }, [hostname]).then(
          ([allowed]) => {
            if (allowed !== undefined) go();
            else callback(new AddressRefusedError(`${hostname} is not allowed`), null);
          },
          (failed: Error) => callback(failed, null),
        );
      }
    },
  });

  return {
    dispatch: (options, handler) => {
      agent.dispatch(options, handler);
    },
    close: () => agent.destroy(),
  };
}
