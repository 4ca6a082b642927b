import { createServer, type RequestListener, type Server } from 'node:http';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

export const AUDIENCE = 'deskferry';

interface Listening {
  url: string;
  close(): Promise<void>;
}

async function listenAs(
  make: (url: string) => RequestListener | Promise<RequestListener>,
): Promise<Listening> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  server.on('request', await make(url));
  return {
    url,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** An issuer whose tokens can be wrong in every way. */
export interface TestIssuer extends Listening {
  /** A token that is right unless `claims` or `header` make it wrong; of the newest key. */
  token(claims?: JWTPayload, header?: { alg?: string; kid?: string }): Promise<string>;
  /** From now on a new key signs, and only it is published. */
  rotate(): Promise<void>;
  /** How often its keys were fetched. */
  fetched(): number;
}

export async function startTestIssuer(): Promise<TestIssuer> {
  let keys = await generateKeyPair('RS256', { extractable: true });
  let kid = 1;
  let fetches = 0;
  const listening = await listenAs((url) => (request, response) => {
    const answer = async (): Promise<unknown> => {
      if (request.url === '/.well-known/openid-configuration')
        return { issuer: url, jwks_uri: `${url}/jwks` };
      fetches += 1;
      return { keys: [{ ...(await exportJWK(keys.publicKey)), kid: String(kid), alg: 'RS256', use: 'sig' }] };
    };
    void answer().then((body) => {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(body));
    });
  });
  return {
    ...listening,
    token(claims = {}, { alg = 'RS256', ...header } = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const right = {
        iss: listening.url,
        aud: AUDIENCE,
        sub: 'u-1',
        iat: now,
        exp: now + 60,
        role: 'operator',
      };
      return new SignJWT({ ...right, ...claims })
        .setProtectedHeader({ alg, kid: String(kid), ...header })
        .sign(keys.privateKey);
    },
    async rotate() {
      keys = await generateKeyPair('RS256', { extractable: true });
      kid += 1;
    },
    fetched: () => fetches,
  };
}

/** A real OpenID Connect provider with clients that get tokens for themselves; `claims` are what it says of each. */
export async function startProvider(
  claims: Readonly<Record<string, Record<string, unknown>>>,
): Promise<Listening & { tokenOf(client: string): Promise<string> }> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' };
  const secret = 'a-client-secret-of-32-characters';
  const listening = await listenAs((url) =>
    new Provider(url, {
      clients: Object.keys(claims).map((client) => ({
        client_id: client,
        client_secret: secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      jwks: { keys: [jwk] },
      ttl: { ClientCredentials: 60 },
      cookies: { keys: ['for-tests'] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => 'urn:deskferry',
          getResourceServerInfo: () => ({
            scope: '',
            audience: AUDIENCE,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
      extraTokenClaims: (_context: unknown, { clientId }: { clientId: string }) => claims[clientId],
    }).callback(),
  );
  return {
    ...listening,
    async tokenOf(client) {
      const answer = await fetch(`${listening.url}/token`, {
        method: 'POST',
        headers: { Authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const { access_token: token } = (await answer.json()) as { access_token?: string };
      if (token === undefined) throw new Error(`the provider gave no token (${answer.status})`);
      return token;
    },
  };
}
