import { type Brand, pageHeaders, renderPage } from '../faces/index.ts';
import type { Asked } from '../oauth/index.ts';
import { MessagePage } from './pages.tsx';

/** For what can't be sent back to the client, since who it is, or where it is, is not known. */
export function renderAuthorizationError(error: string, description: string, asked: Asked, brand: Brand) {
  const { clientId, redirectUri } = asked;
  const sent: [string, string][] = [
    ...(clientId === undefined ? [] : [['Client id', clientId] as [string, string]]),
    ...(redirectUri === undefined ? [] : [['Redirect URI', redirectUri] as [string, string]]),
  ];
  const isOurs = error === 'server_error' || error === 'temporarily_unavailable';
  const message =
    error === 'invalid_client'
      ? {
          title: 'This client is not known here.',
          text: 'The client id that your identity provider sent is not one of ours.',
          todo: 'Compare the client id in your identity provider with the one that your software vendor gave you. It sent this one:',
          values: sent.slice(0, 1),
        }
      : error === 'invalid_redirect_uri'
        ? {
            title: 'The answer would go to an unknown place.',
            text: 'The redirect URI that your identity provider sent is not registered for this client.',
            todo: 'If you came here from your identity provider, send these to your software vendor. They check that the address is its own and register it; then you start the connection again.',
            values: sent,
          }
        : isOurs
          ? {
              title: 'That did not work, and it is our fault.',
              text: 'Nothing was changed or lost. Start the connection again in a moment.',
            }
          : {
              title: 'This request cannot be answered.',
              text: `Your identity provider sent something that is not complete or not allowed: ${description === '' ? error : description}.`,
              todo: 'Compare what is set in your identity provider with what your software vendor gave you, and start the connection again. Nothing that works now was changed.',
            };
  return {
    html: renderPage({ title: message.title.replace(/\.$/, ''), brand, children: <MessagePage {...message} /> }),
    headers: pageHeaders(),
  };
}
