import type { App } from '../app/index.ts';
import type { Attribution } from '../audit/index.ts';

/** What a command gets of the process. */
export interface Edge {
  /** Prints a line for people. */
  say(line: string): void;
  /** Opens the application on the store of the settings. Throws an Error when there is none. */
  withApp(
    work: (app: App, store: string, where: { publicUrl: string; isAssumed: boolean }) => Promise<void>,
  ): Promise<void>;
  /** The data folder; undefined with MongoDB. */
  store(): string | undefined;
  readFile(path: string): string;
  /** Where email goes out; undefined while it is off. */
  mail(): { url: string; from: string; replyTo?: string | undefined } | undefined;
}

export const COMMAND_LINE: Attribution = { actor: { type: 'system', name: 'command line' }, source: 'system' };
