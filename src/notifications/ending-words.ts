/** What people are told of something that ends: its name, what happens then, and what to do. */
import type { EndingKind } from './endings.ts';

export const ENDING_WORDS: Record<EndingKind, { name: string; after: string; steps: string[] }> = {
  token: {
    name: 'Access token',
    after: 'After that, requests from your identity provider are refused until it uses another token.',
    steps: [
      "Generate another token on this directory's page.",
      'Paste it into your identity provider.',
      'Check on the same page that it works.',
    ],
  },
  connection: {
    name: 'Connection',
    after: 'After that, requests from your identity provider are refused until someone connects it again.',
    steps: ['Start the connection again in your identity provider, and allow it.'],
  },
  client_secret: {
    name: 'Client secret',
    after: 'After that, your identity provider gets no more tokens unless it has another secret.',
    steps: ["Add another secret on this client's page.", 'Paste it into your identity provider.'],
  },
  client_key: {
    name: 'Certificate of a client key',
    after: 'Identity providers stop using a key when its certificate expires. They then get no more tokens.',
    steps: ['Create another certificate in your identity provider.', 'Add its public key to the client.'],
  },
  api_key: {
    name: 'API key',
    after: 'After that, requests that use it are refused.',
    steps: ['Create another key in the settings.', 'Paste it into the software that uses this one.'],
  },
  portal_link: {
    name: 'Portal link',
    after: "It has not been opened yet. Once it expires, the IT contact can't use it.",
    steps: ['Send another one if they still need it.'],
  },
};
