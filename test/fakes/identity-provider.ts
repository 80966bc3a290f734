import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { importPKCS8, SignJWT } from 'jose';
import Provider, { type Configuration, type JWK, type KoaContextWithOIDC } from 'oidc-provider';

type TokenAnswer = Record<string, unknown> & { id_token: string };

/** A company's identity provider over real HTTP, in which everybody is signed in without being asked. */
export interface FakeIdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who sits in front of the browser: the subject and their claims. */
  person: { sub: string; [claim: string]: unknown };
  /** Claims that are left to the UserInfo endpoint. */
  thin: boolean;
  /** What becomes of the answers of the token endpoint. */
  tamper: ((answer: TokenAnswer) => TokenAnswer) | undefined;
  /** What becomes of every page: called before the provider sees the request. True: it was answered here. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Another signing key; the old one is no longer published. */
  rotateKeys(): void;
  /** Signs any claims with the provider's key. */
  sign(claims: Record<string, unknown>): Promise<string>;
  readonly requests: string[];
  close(): Promise<void>;
}

/** @param redirectUris of the one client. */
export async function startIdentityProvider(
  redirectUris: string[],
  { path = '', publicClient = false }: { path?: string; publicClient?: boolean } = {},
): Promise<FakeIdentityProvider> {
  const clientSecret = randomBytes(16).toString('hex');
  const clientId = 'toolgate';
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url!.split('?')[0]}`);
    if (idp.intercept?.(request, response) === true) return;
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  let key = newKey();

  const idp: FakeIdentityProvider = {
    issuer,
    clientId,
    clientSecret,
    person: { sub: 'subject-1', email: 'ann@example.org', email_verified: true, name: 'Ann' },
    thin: false,
    tamper: undefined,
    intercept: undefined,
    requests,
    rotateKeys() {
      key = newKey();
      handle = build();
    },
    sign: async (claims) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: key.jwk.kid! })
        .sign(await importPKCS8(key.pem, 'RS256')),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const build = () =>
    newProvider(idp, key.jwk, {
      client_id: clientId,
      redirect_uris: redirectUris,
      post_logout_redirect_uris: redirectUris.map((uri) => `${new URL(uri).origin}/signed-out`),
      ...(publicClient ? { token_endpoint_auth_method: 'none' } : { client_secret: clientSecret }),
    });
  handle = build();
  return idp;
}

interface SigningKey {
  readonly jwk: JWK;
  readonly pem: string;
}

function newKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(4).toString('hex');
  return {
    jwk: { ...(privateKey.export({ format: 'jwk' }) as JWK), kid, use: 'sig', alg: 'RS256' },
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  };
}

type Client = NonNullable<Configuration['clients']>[number];

function newProvider(idp: FakeIdentityProvider, key: JWK, client: Client) {
  const provider = new Provider(idp.issuer, {
    clients: [client],
    jwks: { keys: [key] },
    cookies: { keys: ['not a secret'] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: {
      openid: ['sub', 'sid'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups', 'hd', 'xms_edov', 'realm_access', 'amr'],
    },
    conformIdTokenClaims: false,
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true, logoutSource } },
    interactions: {
      url: (_ctx, interaction) => `${new URL(idp.issuer).pathname.replace(/\/$/, '')}/interaction/${interaction.uid}`,
    },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: (use) => (use === 'id_token' && idp.thin ? { sub } : { ...idp.person, sub }),
    }),
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path.endsWith('/token') && idp.tamper !== undefined && ctx.status === 200) {
      ctx.body = idp.tamper(ctx.body as TokenAnswer);
    }
  });
  const callback = provider.callback();
  const prefix = new URL(idp.issuer).pathname.replace(/\/$/, '');
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (!request.url!.startsWith(prefix)) {
      response.writeHead(404).end();
      return;
    }
    if (request.url!.startsWith(`${prefix}/interaction/`)) {
      void answerInteraction(provider, idp, request, response);
      return;
    }
    Object.assign(request, { originalUrl: request.url });
    request.url = request.url!.slice(prefix.length) || '/';
    void callback(request, response);
  };
}

/** Signs in whoever sits there, and agrees to everything. */
async function answerInteraction(
  provider: Provider,
  idp: FakeIdentityProvider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: idp.person.sub } });
  }
  const grant = new provider.Grant({ accountId: idp.person.sub, clientId: params.client_id as string });
  grant.addOIDCScope(params.scope as string);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

/** Signing out needs no click here. */
async function logoutSource(ctx: KoaContextWithOIDC, form: string): Promise<void> {
  ctx.body = `<!doctype html>${form}`;
}
