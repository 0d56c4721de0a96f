/** What people are told of something that ends: its name, what happens then, and what to do. */
import type { EndingKind } from './endings.ts';

export const ENDING_WORDS: Record<EndingKind, { name: string; after: string; steps: string[] }> = {
  token: {
    name: 'Access token',
    after: 'After that, requests from your identity provider will be refused until it uses another token.',
    steps: [
      "Generate a new token on this directory's page.",
      'Paste it into your identity provider.',
      'Check on the same page that it works.',
    ],
  },
  connection: {
    name: 'Connection',
    after: 'After that, requests from your identity provider will be refused until someone connects it again.',
    steps: ['Start the connection again in your identity provider, and allow it.'],
  },
  client_secret: {
    name: 'Client secret',
    after: "After that, your identity provider can't get any more tokens unless it has another secret.",
    steps: ["Add a new secret on this client's page.", 'Paste it into your identity provider.'],
  },
  client_key: {
    name: 'Client key certificate',
    after: "Identity providers stop using a key when its certificate expires. They then can't get any more tokens.",
    steps: ['Create a new certificate in your identity provider.', 'Add its public key to the client.'],
  },
  api_key: {
    name: 'API key',
    after: 'After that, requests that use it will be refused.',
    steps: ['Create a new key in the settings.', 'Paste it into the software that uses the old one.'],
  },
  portal_link: {
    name: 'Portal link',
    after: "It has not been opened yet. Once it expires, the IT contact can't use it.",
    steps: ['Send another one if they still need it.'],
  },
};
