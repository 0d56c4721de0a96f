/** The commands of a first walk by hand. */
export function byHand(): string[] {
  return [
    '# In one terminal. It prints the owner API key once.',
    'LATCHKEY_UPSTREAM_ALLOW=127.0.0.1 npm start',
    '',
    '# In another. Each answer names the id for the next command.',
    'export KEY=lk_...   API=http://127.0.0.1:4400/api/v1',
    'post() { curl -s -H "Authorization: Bearer $KEY" -H \'Content-Type: application/json\' "$API$1" -d "$2"; echo; }',
    '',
    'post /organizations \'{"name": "Northwind Traders"}\'',
    'post /directories \'{"organizationId": "org_...", "name": "Okta production", "provider": "okta",',
    '                    "endpointKey": "northwind-okta", "upstreamUrl": "http://127.0.0.1:8080/scim"}\'',
    'post /directories/dir_.../credentials \'{"label": "first token"}\'',
    '',
    '# What the IdP does with the token:',
    'curl -i -H "Authorization: Bearer scim_..." http://127.0.0.1:4400/scim/v2/northwind-okta/Users',
    '',
    '# Rotate, revoke, and see what happened:',
    'post /directories/dir_.../rotate \'{"mode": "overlap", "retire": "when-replaced"}\'',
    'post /credentials/cred_.../revoke \'{"reason": "no longer needed"}\'',
    'curl -s -H "Authorization: Bearer $KEY" $API/events',
    '',
    '# The whole API: http://127.0.0.1:4400/api/docs',
  ];
}
