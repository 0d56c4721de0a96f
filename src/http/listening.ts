/** The beginning and the end of a server: it listens, and later lets requests under way finish. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Throws an Error that names the settings and the reason. */
export function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new Error(`LATCHKEY_HOST, LATCHKEY_PORT: can't listen on ${host}, port ${port}: ${error.message}`, {
          cause: error,
        }),
      ),
    );
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/** Takes no new connection, lets requests under way finish for a while, then closes what is left. */
export async function shutDown(server: Server, drainSeconds: number, release: () => Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A busy keep-alive connection becomes idle when its answer is out; it is closed then.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  const deadline = setTimeout(() => server.closeAllConnections(), drainSeconds * 1000);
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
  await release();
}
