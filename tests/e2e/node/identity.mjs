// A real OpenID Connect provider for tests: npm oidc-provider, on a free port of the loopback.
//
//   node identity.mjs '{"redirect_uris": [...], "accounts": {"mina": {"email": ...}}, "claims_in_token": true}'
//
// Prints its issuer on one line. Ends when its standard input does.
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const told = JSON.parse(process.argv[2]);
const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'opengateway',
      client_secret: told.secret,
      redirect_uris: told.redirect_uris,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...told.accounts[id] }),
  }),
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  conformIdTokenClaims: !told.claims_in_token,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  cookies: { keys: ['for tests alone'] },
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
});
server.on('request', provider.callback());
console.log(issuer);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
