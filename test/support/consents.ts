/** Consents as tests of the authorization endpoint play them: an IT contact who has entered, addresses to open, codes to exchange. */
import assert from 'node:assert/strict';
import type { Answer } from './api.ts';
import { welcomeItContact } from './it-contact.ts';
import { exchange, makeClient, type OauthClient, type Target } from './oauth-client.ts';

/** `target` is asked when it is needed: an application is made in a hook. */
export function consentsAt(target: () => Target) {
  const codeOf = (callback: URL) => callback.searchParams.get('code') ?? assert.fail(callback.href);
  return {
    codeOf,

    /** Where the identity provider's console sends the browser. */
    addressOf(client: OauthClient, fields: Record<string, string> = {}): string {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: client.id,
        redirect_uri: client.redirectUri,
        ...fields,
      });
      return `${target().url}/oauth/authorize?${query}`;
    },

    async setUp(fields: Record<string, unknown> = {}) {
      const { url, api } = target();
      const directory = await api.makeDirectory();
      const client = await makeClient(target(), fields);
      return { directory, client, contact: await welcomeItContact(url, api, directory.organizationId) };
    },

    async tokensOf(client: OauthClient, callback: URL, fields: Record<string, string> = {}): Promise<Answer> {
      const { status, body } = await exchange(target(), client, codeOf(callback), fields);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
  };
}
