/** What an operator runs on the server itself, where the store is: keys, links, backups. No server needs to run. */
export { runCommand } from './commands.ts';
export type { Edge } from './edge.ts';
