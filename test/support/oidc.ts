import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Adapter, AdapterPayload, Configuration, Provider } from 'oidc-provider';

/** What an access token should say. Anything can be wrong, because the tests are about that. */
export type TokenRequest = {
  /** Null: a token without `sub`. Absent: a new user of this provider. */
  sub?: string | null;
  email?: string;
  /** The `username` claim. */
  name?: string;
  groups?: readonly string[];
  /** From now; negative: it expired that long ago. Default: one hour. */
  expiresInSeconds?: number;
  /** An issuer other than the provider's own. */
  issuer?: string;
  /** An audience other than the provider's own. */
  audience?: string;
  /** Claims to add or to replace; undefined removes a claim. */
  claims?: Record<string, unknown>;
};

const userGrant = 'urn:flagtrail:test:user';
const audience = 'https://flagtrail.example/graphql';
const client = { id: 'flagtrail-tests', secret: 'a secret of the tests alone' };

/**
 * A real identity provider (oidc-provider) over HTTP on a free port of this machine. Its token endpoint issues JWT access tokens
 * (ES256). `await using idp = await startIdentityProvider()` stops it at the end of the scope.
 *
 * A service under test needs `AUTH_JWKS_URL: idp.jwksUrl, AUTH_ISSUER: idp.issuer, AUTH_AUDIENCE: idp.audience`.
 */
export const startIdentityProvider = async () => {
  const { Provider } = await importQuietly();
  const newProvider = (keys: JWK[]) => withUserGrant(new Provider(issuer, configurationWith(keys)));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const waiting = new Set<ServerResponse>();
  const jwks = {
    /** What a request for the keys gets: the keys, HTTP 500, or no answer until the provider stops. */
    answer: 'keys' as 'keys' | 'error' | 'silence',
    /** How many requests for the keys there were. */
    requests: 0,
  };

  let keys = [await newSigningKey()];
  let handle = newProvider(keys).callback();
  server.on('request', (request, response) => {
    if (request.url !== '/jwks') return handle(request, response);
    jwks.requests += 1;
    if (jwks.answer === 'keys') return handle(request, response);
    if (jwks.answer === 'error') return response.writeHead(500).end();
    waiting.add(response);
  });

  const requestToken = async (parameters: Record<string, string>, overrides: Record<string, unknown>): Promise<string> => {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.id}:${encodeURIComponent(client.secret)}`)}` },
      // JSON has no undefined, so null stands for a claim that is left out.
      body: new URLSearchParams({
        ...parameters,
        resource: audience,
        overrides: JSON.stringify(overrides, (_, value) => (value === undefined ? null : value)),
      }),
    });
    const body = (await response.json()) as { access_token?: string };
    if (!body.access_token) throw new Error(`the identity provider answered ${response.status}: ${JSON.stringify(body)}`);
    return body.access_token;
  };
  const expiryOf = ({ expiresInSeconds = 3600 }: TokenRequest) => Math.floor(Date.now() / 1000) + expiresInSeconds;

  return {
    issuer,
    audience,
    jwksUrl: `${issuer}/jwks`,
    jwks,
    clientId: client.id,
    /** A user's access token. */
    token: (request: TokenRequest = {}): Promise<string> => {
      const { sub = `user-${randomUUID()}`, email, name, groups, claims } = request;
      const [iss, aud] = [request.issuer ?? issuer, request.audience ?? audience];
      const overrides = { sub, iss, aud, email, username: name, groups, exp: expiryOf(request), ...claims };
      return requestToken({ grant_type: userGrant, sub: sub ?? 'nobody' }, overrides);
    },
    /** An access token of the client itself, from the client credentials grant. */
    serviceToken: (request: Pick<TokenRequest, 'groups' | 'expiresInSeconds' | 'claims'> = {}): Promise<string> =>
      requestToken({ grant_type: 'client_credentials' }, { groups: request.groups, exp: expiryOf(request), ...request.claims }),
    /** Signs tokens with a new key from now on; the old keys stay published unless they are withdrawn. */
    rotateKeys: async ({ withdrawOld = false } = {}): Promise<void> => {
      const added = await newSigningKey();
      keys = withdrawOld ? [added] : [added, ...keys];
      handle = newProvider(keys).callback();
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      for (const response of waiting) response.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
export type IdentityProvider = Awaited<ReturnType<typeof startIdentityProvider>>;

const newSigningKey = async (): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: 'ES256', use: 'sig' };
};

/** While it loads, the package writes a warning to stderr on releases of Node that are not LTS yet. */
const importQuietly = async () => {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
};

const resourceServer = { audience, scope: '', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } } as const;

const configurationWith = (keys: JWK[]): Configuration => ({
  adapter: newMemory,
  jwks: { keys },
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      grant_types: ['client_credentials', userGrant],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: () => resourceServer },
  },
  ttl: { AccessToken: 3600, ClientCredentials: 3600 },
  formats: {
    customizers: {
      jwt: ({ oidc }, _token, { payload }) => {
        const overrides: Record<string, unknown> = JSON.parse(String(oidc.body?.overrides ?? '{}'));
        for (const [claim, value] of Object.entries(overrides)) {
          if (value === null) delete payload[claim];
          else payload[claim] = value;
        }
      },
    },
  },
});

/** There is no browser to sign in with, so the client says for which user it wants a token, and gets it. */
const withUserGrant = (provider: Provider): Provider => {
  provider.registerGrantType<{ sub: string }>(
    userGrant,
    async (context) => {
      const token = new provider.AccessToken({
        accountId: context.oidc.params.sub,
        client: context.oidc.client,
        grantId: randomUUID(),
        gty: userGrant,
        resourceServer: new provider.ResourceServer(audience, resourceServer),
      });
      context.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration };
    },
    ['sub', 'resource'],
  );
  return provider;
};

/** Where the provider stores what it issues. Its own in-memory store does the same, but prints a warning to stderr. */
const newMemory = (): Adapter => {
  const rows = new Map<string, AdapterPayload>();
  const byField = async (field: 'uid' | 'userCode', value: string) => [...rows.values()].find((row) => row[field] === value);
  return {
    upsert: async (id, payload) => void rows.set(id, payload),
    find: async (id) => rows.get(id),
    findByUid: (uid) => byField('uid', uid),
    findByUserCode: (code) => byField('userCode', code),
    consume: async (id) => void Object.assign(rows.get(id) ?? {}, { consumed: true }),
    destroy: async (id) => void rows.delete(id),
    revokeByGrantId: async (grantId) => {
      for (const [id, row] of rows) if (row.grantId === grantId) rows.delete(id);
    },
  };
};
