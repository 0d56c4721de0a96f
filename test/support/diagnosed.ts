/** A directory whose world is driven through the real application, and what its diagnosis says then. */
import assert from 'node:assert/strict';
import type { Answer } from './api.ts';
import type { TestApp } from './app.ts';
import { sendRaw } from './raw-request.ts';

export const OKTA_AGENT = 'Okta SCIM Client 1.0.0';

export interface World {
  app: TestApp;
  directory: Answer;
  /** Its first token. */
  token: string;
  credential: Answer;
  /** What the identity provider sends to forward-auth; gives the status. */
  send(authorization?: string, options?: { method?: string; agent?: string; directory?: string }): Promise<number>;
  /** A SCIM request exactly as it stands. */
  sendTo(path: string, authorization?: string): Promise<number>;
  /** Writes what is counted, and reads the diagnosis. */
  diagnosis(): Promise<Answer>;
}

export async function makeWorld(app: TestApp, fields: Record<string, unknown> = {}): Promise<World> {
  const directory = await app.api.makeDirectory(fields);
  const { token, credential } = await app.api.issue(directory.id);
  return {
    app,
    directory,
    token,
    credential,
    async send(authorization, { method = 'GET', agent = OKTA_AGENT, directory: asked = directory.id } = {}) {
      const { status } = await sendRaw(app.url, {
        path: `/auth/verify?directory=${asked}`,
        headers: {
          'User-Agent': agent,
          'X-Original-Method': method,
          ...(authorization !== undefined && { Authorization: authorization }),
        },
      });
      app.clock.advance(1000);
      return status;
    },
    async sendTo(path, authorization = `Bearer ${token}`) {
      const headers = { 'User-Agent': OKTA_AGENT, Authorization: authorization };
      const { status } = await sendRaw(app.url, { path, headers });
      app.clock.advance(1000);
      return status;
    },
    async diagnosis() {
      await flush(app);
      const { status, body } = await app.api.get(`/directories/${directory.id}/diagnosis`);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
  };
}

/** Everything that is counted in memory is written, and what follows from it computed. */
export async function flush(app: TestApp): Promise<void> {
  for (const name of ['usage', 'denials', 'traffic', 'findings']) {
    await app.app.settled();
    await app.app.rounds.find((round) => round.name === name)?.run();
  }
}

/** All that a finding says, as one text. */
export function textOf({ words }: Answer): string {
  const { lead, rest, detail, steps, notes, value, unseen } = words;
  return [lead, rest, detail, ...steps, ...notes, value && `${value.label} ${value.value}`, unseen]
    .filter(Boolean)
    .join(' ');
}
