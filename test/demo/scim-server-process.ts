/** The SCIM server of the demo as a process of its own. */
import { startScimServer } from '../support/scim-server.ts';

const server = await startScimServer();
console.log(`the SCIM server is ready at ${server.url}`);
process.on('SIGTERM', () => void server.close());
// Ctrl-C reaches every process of the terminal; the demo ends this one when it is done with it.
process.on('SIGINT', () => undefined);
