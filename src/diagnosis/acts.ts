/**
 * What can be done about a finding on our own pages, by the name of its button. A step that sends somebody to a button carries the act, and
 * the pages draw a button for each act of the steps: no step can name one that is not there.
 */
export const PAGE_ACTS = {
  'generate-token': 'Generate a new token',
  'rotate-token': 'Rotate the token',
  'enable-credential': 'Enable it',
  'allow-changes': 'Allow changes',
  'enable-directory': 'Enable the directory',
  'add-client-secret': 'Add a client secret',
  'create-client': 'Create a new client',
  'correct-app-name': 'Correct the app name',
  'open-client': 'Open the client',
  'set-up': 'Open the setup',
  'compare-setup': 'Compare with the setup',
  'choose-credential': 'Choose one to revoke',
  'test-server': 'Test the SCIM server',
  'change-url': 'Change the URL',
  'change-server-credential': 'Change the credential for the SCIM server',
  'send-portal-link': 'Create a portal link',
  'check-token': 'Check a token',
  'copy-ticket': 'Copy for a ticket',
  'expect-silence': 'This is expected',
  'mute-silence': 'Mute for 30 days',
  'report-silence': 'Report silence again',
  'settle-recovery': "I've retried them",
  'dismiss-recovery': 'Nothing to retry',
} as const;

export type PageAct = keyof typeof PAGE_ACTS;
