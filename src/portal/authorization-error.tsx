import type { NamedInRequest } from '../oauth/index.ts';
import {
  type Brand,
  CopyField,
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

/** Whoever stands here came from an identity provider: where to go on, and whom to ask. */
function Ways({ brand, hasValues }: { brand: Brand; hasValues: boolean }) {
  const { support } = brand;
  const address = support?.includes('@') ? `mailto:${support}` : support;
  return (
    <>
      <div class="acts">
        <a class="btn" href="/portal">
          Go to your directories
        </a>
      </div>
      <p class="soft">
        Need help? Ask {address === undefined ? vendorOf(brand) : <a href={address}>{vendorOf(brand)}</a>}
        {hasValues ? ' and send the values above. They contain no secret.' : '.'}
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
  const client: [string, string][] = clientId === undefined ? [] : [['Client id', withoutSecrets(clientId)]];
  const redirect: [string, string][] = redirectUri === undefined ? [] : [['Redirect URI', withoutSecrets(redirectUri)]];
  switch (error) {
    case 'invalid_client':
      if (clientId?.startsWith('scimcs_'))
        return {
          title: 'The client secret stands where the client id belongs.',
          text: 'Your identity provider sent a client secret as its client id.',
          todo: 'In your identity provider put the value that begins with client_ into the field for the client id, and the one that begins with scimcs_ into the field for the client secret. Then start the connection again.',
        };
      return {
        title: 'This client is not known here.',
        text: 'The client id that your identity provider sent is not one of ours.',
        todo: `Compare the client id in your identity provider with the one in the set-up of your directory, or the one that ${vendor} gave you. ${clientId === undefined ? 'It sent none.' : 'It sent this one:'}`,
        values: client,
      };
    case 'invalid_redirect_uri':
      return {
        title: 'The answer would go to an unknown place.',
        text: 'The redirect URI that your identity provider sent is not registered for this client.',
        todo: `For Okta the address names the app: if you typed another app name in the set-up of your directory, correct it there and start again. Otherwise send these to ${vendor}: they check that the address is yours and register it.`,
        values: [...client, ...redirect],
      };
    case 'token_url_as_authorize_url':
      return {
        title: 'The authorization URL and the token URL are swapped.',
        text: 'Your identity provider sent you to the token URL, which is for its own requests.',
        todo: 'Set both URLs in your identity provider as they stand here, and start the connection again. Nothing was changed.',
        values: [
          ['Authorization URL', `${issuer}/oauth/authorize`],
          ['Token URL', `${issuer}/oauth/token`],
        ],
      };
    case 'server_error':
    case 'temporarily_unavailable':
      return {
        title: 'That did not work, and it is our fault.',
        text: 'Nothing was changed or lost. Start the connection again in a moment.',
      };
    default:
      return {
        title: 'This request cannot be answered.',
        text: `Your identity provider sent something that is not complete or not allowed: ${description === '' ? error : description.replace(/\.$/, '')}.`,
        todo: `Compare what is set in your identity provider with the set-up of your directory, or with what ${vendor} gave you, and start the connection again. Nothing that works now was changed.`,
      };
  }
}
