/** What to do in the console of each identity provider, in its own words: menus and fields are bold and exact. */
import type { ComponentChildren } from 'preact';
import type { Provider } from '../directories/index.ts';
import { ConsolePicture } from './console-picture.tsx';
import { CopyField } from './parts.tsx';

/** What goes into a field: a value of ours to copy, or what is to be chosen there. */
export type Filling =
  | 'endpoint'
  | 'token'
  | 'token-url'
  | 'authorization-url'
  | 'client-id'
  | 'client-secret'
  | { choose: string };

export interface Instructions {
  /** The way through the menus. */
  where: string[];
  fields: [name: string, filling: Filling][];
  /** What to press at the end. */
  last: string[];
}

export interface Setup {
  bearer: Instructions;
  oauth?: Instructions;
  /** What a client of one directory needs to be made: nothing (the IdP fetches tokens by itself), or the app's name in Okta for the way back. */
  client?: 'nothing' | 'app-name';
  /** Which of the two is better there, where it can do both, and why. */
  better?: { kind: 'bearer' | 'oauth'; why: string };
}

export const SETUP: Record<Provider, Setup> = {
  okta: {
    bearer: {
      where: ['Applications', 'your app', 'Provisioning', 'Integration', 'Edit'],
      fields: [
        ['SCIM connector base URL', 'endpoint'],
        ['Authentication Mode', { choose: 'HTTP Header' }],
        ['Authorization', 'token'],
      ],
      last: ['Test Connector Configuration', 'Save'],
    },
    oauth: {
      where: ['Applications', 'your app', 'Provisioning', 'Integration', 'Edit'],
      fields: [
        ['SCIM connector base URL', 'endpoint'],
        ['Authentication Mode', { choose: 'OAuth 2' }],
        ['Access token endpoint URI', 'token-url'],
        ['Authorization endpoint URI', 'authorization-url'],
        ['Client ID', 'client-id'],
        ['Client Secret', 'client-secret'],
      ],
      last: ['Save', 'Authenticate with your app'],
    },
    client: 'app-name',
    better: { kind: 'oauth', why: 'Okta renews it by itself, and nobody has to carry a secret to it again.' },
  },
  entra: {
    bearer: {
      where: ['Enterprise applications', 'your app', 'Provisioning', 'Admin Credentials (newer portals: Connectivity)'],
      fields: [
        ['Tenant URL', 'endpoint'],
        ['Secret Token', 'token'],
      ],
      last: ['Test Connection', 'Save'],
    },
    oauth: {
      where: ['Enterprise applications', 'your app', 'Provisioning', 'Admin Credentials (newer portals: Connectivity)'],
      fields: [
        ['Authentication Method', { choose: 'OAuth2 client credentials grant' }],
        ['Tenant URL', 'endpoint'],
        ['Token Endpoint', 'token-url'],
        ['Client Identifier', 'client-id'],
        ['Client Secret', 'client-secret'],
      ],
      last: ['Test Connection', 'Save'],
    },
    client: 'nothing',
    better: {
      kind: 'oauth',
      why: 'Entra fetches short-lived tokens itself. Where the form does not offer it, use the static token.',
    },
  },
  google: {
    bearer: {
      where: ['Apps', 'Web and mobile apps', 'your app', 'Autoprovisioning'],
      fields: [
        ['Access token', 'token'],
        ['Endpoint URL', 'endpoint'],
      ],
      last: ['Continue'],
    },
  },
  pingone: {
    bearer: {
      where: ['Integrations', 'Provisioning', 'New Connection', 'Identity Store', 'SCIM'],
      fields: [
        ['SCIM Base URL', 'endpoint'],
        ['Users Resource', { choose: '/Users' }],
        ['SCIM Version', { choose: '2.0' }],
        ['Authentication Method', { choose: 'OAuth 2 Bearer Token' }],
        ['OAuth Access Token', 'token'],
        ['Auth Type Header', { choose: 'Bearer' }],
      ],
      last: ['Test Connection', 'Save'],
    },
    oauth: {
      where: ['Integrations', 'Provisioning', 'New Connection', 'Identity Store', 'SCIM'],
      fields: [
        ['SCIM Base URL', 'endpoint'],
        ['Users Resource', { choose: '/Users' }],
        ['SCIM Version', { choose: '2.0' }],
        ['Authentication Method', { choose: 'OAuth 2 Client Credentials' }],
        ['OAuth Token Request', 'token-url'],
        ['OAuth Client ID', 'client-id'],
        ['OAuth Client Secret', 'client-secret'],
        ['Auth Type Header', { choose: 'Bearer' }],
      ],
      last: ['Test Connection', 'Save'],
    },
    client: 'nothing',
    better: { kind: 'oauth', why: 'PingOne fetches short-lived tokens itself.' },
  },
  sailpoint: {
    bearer: {
      where: ['Connections', 'Sources', 'your SCIM 2.0 source', 'Connection Settings'],
      fields: [
        ['Base URL', 'endpoint'],
        ['Authentication Type', { choose: 'API Token' }],
        ['API Token', 'token'],
      ],
      last: ['Save', 'Test Connection'],
    },
    oauth: {
      where: ['Connections', 'Sources', 'your SCIM 2.0 source', 'Connection Settings'],
      fields: [
        ['Base URL', 'endpoint'],
        ['Authentication Type', { choose: 'OAuth 2.0' }],
        ['Grant Type', { choose: 'Client Credentials' }],
        ['Token URL', 'token-url'],
        ['Client ID', 'client-id'],
        ['Client Secret', 'client-secret'],
      ],
      last: ['Save', 'Test Connection'],
    },
    client: 'nothing',
    better: { kind: 'oauth', why: 'SailPoint fetches short-lived tokens itself.' },
  },
  onelogin: {
    bearer: {
      where: ['Applications', 'your app', 'Configuration'],
      fields: [
        ['SCIM Base URL', 'endpoint'],
        ['SCIM Bearer Token', 'token'],
      ],
      last: ['Enable (API Status)', 'Save'],
    },
  },
  jumpcloud: {
    bearer: {
      where: ['SSO Applications', 'your app', 'Identity Management'],
      fields: [
        ['Base URL', 'endpoint'],
        ['Token Key', 'token'],
        ['Test User Email', { choose: 'an address of one of your users' }],
      ],
      last: ['Test Connection', 'Activate', 'Save'],
    },
  },
  authentik: {
    bearer: {
      where: ['Applications', 'Providers', 'your SCIM provider'],
      fields: [
        ['URL', 'endpoint'],
        ['Token', 'token'],
      ],
      last: ['Finish'],
    },
    oauth: {
      where: ['Directory', 'Federation and Social login', 'your OAuth source; then the SCIM provider that uses it'],
      fields: [
        ['URL', 'endpoint'],
        ['Consumer key', 'client-id'],
        ['Consumer secret', 'client-secret'],
        ['Authorization URL', 'authorization-url'],
        ['Access token URL', 'token-url'],
      ],
      last: ['Finish'],
    },
    better: { kind: 'bearer', why: 'A static token has no end here and needs one object in place of two.' },
  },
  generic: {
    bearer: {
      where: ['its settings of SCIM or provisioning'],
      fields: [
        ['Base URL', 'endpoint'],
        ['Bearer token', 'token'],
      ],
      last: ['Save', 'Test'],
    },
    oauth: {
      where: ['its settings of SCIM or provisioning'],
      fields: [
        ['Base URL', 'endpoint'],
        ['Token URL', 'token-url'],
        ['Client id', 'client-id'],
        ['Client secret', 'client-secret'],
      ],
      last: ['Save', 'Connect'],
    },
    client: 'nothing',
    better: {
      kind: 'oauth',
      why: 'Where it can fetch tokens itself by a client id and a secret, no token has to be carried over again.',
    },
  },
};

/** How the field for our address is called there. */
export function endpointFieldOf(provider: Provider): string {
  return SETUP[provider].bearer.fields.find(([, filling]) => filling === 'endpoint')?.[0] ?? 'SCIM endpoint';
}

/**
 * The form of an identity provider, drawn, and each of its fields with the value to copy. `values`: what is known now; what is not says where it
 * comes from. A field whose value is null is left out.
 */
export function InstructionList(props: {
  provider: string;
  instructions: Instructions;
  values: Partial<Record<string, string | null>>;
}) {
  const { provider, instructions, values } = props;
  const { where, last } = instructions;
  const fields = instructions.fields.filter(([, filling]) => typeof filling === 'object' || values[filling] !== null);
  return (
    <section class="panel">
      <h2>In {provider}</h2>
      <p>
        Open <Path steps={where} />.
      </p>
      <ConsolePicture provider={provider} where={where} fields={fields} last={last} values={values} />
      <ol class="fillings">
        {fields.map(([name, filling]) => (
          <li>
            {typeof filling === 'object' ? (
              <p>
                <b>{name}</b>: choose or type <b>{filling.choose}</b>
              </p>
            ) : typeof values[filling] === 'string' ? (
              <CopyField label={name} value={values[filling]} />
            ) : (
              <p>
                <b>{name}</b>: {ELSEWHERE[filling]}
              </p>
            )}
          </li>
        ))}
      </ol>
      <p>
        Then press <Path steps={last} />.
      </p>
    </section>
  );
}

const ELSEWHERE: Record<string, string> = {
  token: 'the token, which is shown once when you generate it',
  'client-secret': 'the client secret, which is shown once when the client is made',
  'client-id': 'the client id, which is shown here once there is a client',
};

function Path({ steps }: { steps: string[] }) {
  return (
    <>
      {steps.map(
        (step, index): ComponentChildren => (
          <>
            {index > 0 && ' → '}
            <b>{step}</b>
          </>
        ),
      )}
    </>
  );
}
