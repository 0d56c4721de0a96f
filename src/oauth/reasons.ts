/** Why the authorization and token endpoints refuse, for people. `npm run docs:tables` writes docs/errors.md from it. */

interface OauthReason {
  /** What the identity provider is told, in Markdown. */
  told: string;
  meaning: string;
  remedy: string;
}

/** The reasons (`data.reason`) that are more than an error of RFC 6749. */
export const OAUTH_REASONS = {
  client_unknown: {
    told: '`invalid_client`, or a page',
    meaning: 'No client has this ID, or no client has this issuer, subject and audience.',
    remedy: 'Copy the client ID into the IdP.',
  },
  client_secret_wrong: {
    told: '`invalid_client`',
    meaning: 'The client secret is missing or wrong, or the request contains two different secrets.',
    remedy:
      'Paste the client secret into the IdP again. If the secret is lost, add a second one, and then remove the old one.',
  },
  client_secret_expired: {
    told: '`invalid_client`',
    meaning: 'The client secret has expired.',
    remedy: 'Add another secret to the client, and paste it into the IdP.',
  },
  assertion_wrong: {
    told: '`invalid_client`',
    meaning: 'The client assertion was not accepted. `data.fault` says what is wrong with it.',
    remedy: 'Fix the problem that the fault identifies, and sign a new assertion.',
  },
  jwks_unreachable: {
    told: '503',
    meaning: "Latchkey has never fetched the client's keys, and can't fetch them now.",
    remedy: "Check that the client's JWKS URL responds. The IdP can try again.",
  },
  redirect_uri_unknown: {
    told: 'a page, or `invalid_grant`',
    meaning:
      "The redirect URI does not exactly match any of the client's redirect URIs. Or the token request has no redirect URI, or has a different one from the authorization request.",
    remedy: 'Copy the redirect URI from the IdP into `redirectUris`, or set `appName` for Okta.',
  },
  access_denied: {
    told: '`access_denied`',
    meaning: 'The person chose Cancel.',
    remedy: 'Ask them why they canceled. Nothing was changed.',
  },
  code_expired: {
    told: '`invalid_grant`',
    meaning: "The code is older than two minutes, or we don't recognize it.",
    remedy:
      'Start the connection again in the IdP. If it happens again, check the clocks and any proxy that delays requests.',
  },
  code_replayed: {
    told: '`invalid_grant`',
    meaning:
      'The code has already been used, and this is not a retry of the same request within ten seconds. Its tokens are revoked.',
    remedy: 'Start the connection again. Find out who else saw the code.',
  },
  refresh_token_unknown: {
    told: '`invalid_grant`',
    meaning: "We don't recognize the refresh token, or it belongs to another client.",
    remedy: 'Connect again, or paste the whole refresh token.',
  },
  refresh_token_revoked: {
    told: '`invalid_grant`',
    meaning: "The connection was revoked, or has expired under its client's policy.",
    remedy: "The credential's events say who or what ended the connection. Connect again.",
  },
  refresh_token_superseded: {
    told: '`invalid_grant`',
    meaning: 'Rotation is on, and a newer refresh token has been used.',
    remedy: 'Two installations are sharing one connection, or the IdP went back to an older token. Connect again.',
  },
  refresh_token_reused: {
    told: '`invalid_grant`',
    meaning:
      'A public client reused a replaced refresh token. Someone else may have a copy, so the connection was ended ([0012](decisions/0012-reuse-ends-a-public-connection.md)).',
    remedy: 'Connect again. Find out who else has the refresh token.',
  },
  revoked: {
    told: '`invalid_grant`',
    meaning: 'The client uses client credentials, and its connection was revoked. That is final for this client.',
    remedy: 'Create a new client for the directory, and paste its ID and secret into the IdP.',
  },
  expired: {
    told: '`invalid_grant`',
    meaning: 'The client uses client credentials, and its connection has expired. That is final for this client.',
    remedy: 'Create a new client for the directory, and paste its ID and secret into the IdP.',
  },
  directory_unknown: {
    told: '`invalid_grant`',
    meaning: "The connection's directory was deleted.",
    remedy: 'Create a directory, and connect the IdP to it.',
  },
  slots_full: {
    told: '`invalid_grant`',
    meaning:
      "Both slots were taken when the connection asked for its first token, and the connection doesn't replace either credential.",
    remedy: 'Revoke a credential that is not in use, or choose one to replace when you connect.',
  },
} as const satisfies Record<string, OauthReason>;
