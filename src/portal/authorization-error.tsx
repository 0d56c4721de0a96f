import type { NamedInRequest } from '../oauth/index.ts';
import {
  type Brand,
  CopyField,
  Go,
  MessageParts,
  type PageMessage,
  pageHeaders,
  renderPage,
  vendorOf,
} from '../pages/index.ts';
import { withoutSecrets } from '../secrets/redaction.ts';

/** For what can't be sent back to the client, since who it is, or where it is, is not known. */
export function renderAuthorizationError(error: string, description: string, asked: NamedInRequest, brand: Brand) {
  const { values = [], ...message } = messageOf(error, description, asked, vendorOf(brand));
  return {
    html: renderPage({
      title: message.title.replace(/\.$/, ''),
      brand,
      children: (
        <>
          <MessageParts {...message} />
          {values.map(([label, value]) => (
            <CopyField label={label} value={value} />
          ))}
          <Ways brand={brand} hasValues={values.length > 0} />
        </>
      ),
    }),
    headers: pageHeaders([], { isOpenedByOthers: true }),
  };
}

/** The reader came from an identity provider: where to go on, and whom to ask. */
function Ways({ brand, hasValues }: { brand: Brand; hasValues: boolean }) {
  const { support } = brand;
  const address = support?.includes('@') ? `mailto:${support}` : support;
  return (
    <>
      <div class="acts">
        <Go href="/portal" name="Go to your directories" />
      </div>
      <p class="soft">
        Need help? Ask {address === undefined ? vendorOf(brand) : <a href={address}>{vendorOf(brand)}</a>}
        {hasValues ? " and send the values above. They don't contain any secrets." : '.'}
      </p>
    </>
  );
}

function messageOf(
  error: string,
  description: string,
  { clientId, redirectUri, issuer }: NamedInRequest,
  vendor: string,
): PageMessage & { values?: [label: string, value: string][] } {
  const client: [string, string][] = clientId === undefined ? [] : [['Client ID', withoutSecrets(clientId)]];
  const redirect: [string, string][] = redirectUri === undefined ? [] : [['Redirect URI', withoutSecrets(redirectUri)]];
  switch (error) {
    case 'invalid_client':
      if (clientId?.startsWith('scimcs_'))
        return {
          title: 'The client secret was sent as the client ID.',
          text: 'Your identity provider sent a client secret in place of its client ID.',
          todo: 'In your identity provider, paste the value that begins with client_ into the client ID field. Paste the one that begins with scimcs_ into the client secret field. Then start the connection again.',
        };
      return {
        title: "We don't recognize this client.",
        text: 'Your identity provider sent a client ID that is not one of ours.',
        todo: `Compare the client ID in your identity provider with the one in your directory's setup, or the one that ${vendor} gave you. ${clientId === undefined ? "It didn't send one." : 'It sent this one:'}`,
        values: client,
      };
    case 'invalid_redirect_uri':
      return {
        title: "Your identity provider asked us to return to a URL that isn't registered.",
        text: 'The redirect URI below is not registered for this client.',
        todo: `Compare it with the redirect URIs in your directory's setup. For Okta, they contain the app name. If the setup shows that name, correct it there, and start again. Otherwise, send these values to ${vendor}. They can register the URL after they check that it is yours.`,
        values: [...client, ...redirect],
      };
    case 'token_url_as_authorize_url':
      return {
        title: 'The authorization URL and the token URL are swapped.',
        text: 'Your identity provider sent you to the token URL, which is for its own requests.',
        todo: 'Copy both URLs below into your identity provider, and start the connection again. Nothing was changed.',
        values: [
          ['Authorization URL', `${issuer}/oauth/authorize`],
          ['Token URL', `${issuer}/oauth/token`],
        ],
      };
    case 'server_error':
    case 'temporarily_unavailable':
      return {
        title: 'Something went wrong on our end.',
        text: 'Nothing was changed or lost. Wait a moment, and start the connection again.',
      };
    default:
      return {
        title: "We can't process this request.",
        text: `Your identity provider sent an incomplete or invalid request: ${description === '' ? error : description.replace(/\.$/, '')}.`,
        todo: `Compare the settings in your identity provider with your directory's setup, or with the values that ${vendor} gave you. Then start the connection again. Existing connections are unchanged.`,
      };
  }
}
