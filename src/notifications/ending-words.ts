/** What people are told of something that ends: its name, what happens then, and what to do. */
import type { EndingKind } from './endings.ts';

export const ENDING_WORDS: Record<EndingKind, { name: string; after: string; steps: string[] }> = {
  token: {
    name: 'Access token',
    after: 'Your identity provider is refused from that moment unless it has another token.',
    steps: [
      'Generate another token on the page of the directory.',
      'Paste it into your identity provider.',
      'See there that it is used.',
    ],
  },
  connection: {
    name: 'Connection',
    after: 'Your identity provider is refused from that moment unless somebody connects it again.',
    steps: ['Start the connection again in your identity provider, and allow it.'],
  },
  client_secret: {
    name: 'Client secret',
    after: 'Your identity provider gets no more tokens from that moment unless it has another secret.',
    steps: ['Add another secret on the page of the client.', 'Paste it into your identity provider.'],
  },
  client_key: {
    name: 'Certificate of a client key',
    after: 'Identity providers stop signing with a key whose certificate has ended, and then get no more tokens.',
    steps: ['Have your identity provider make another certificate.', 'Put its public key into the client as well.'],
  },
  api_key: {
    name: 'API key',
    after: 'Software that uses it is refused from that moment.',
    steps: ['Make another key in the settings.', 'Put it into the software that uses this one.'],
  },
  portal_link: {
    name: 'Portal link',
    after: 'It was not opened yet. The IT contact can no longer use it from that moment.',
    steps: ['Send another one if they still need it.'],
  },
};
