import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { importPKCS8, SignJWT } from 'jose';
import Provider, {
  type Adapter,
  type AdapterPayload,
  type Configuration,
  type JWK,
  type KoaContextWithOIDC,
} from 'oidc-provider';

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
  tamper: ((answer: TokenAnswer) => TokenAnswer | Promise<TokenAnswer>) | undefined;
  /** What becomes of every page: called before the provider sees the request. True: it was answered here. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Another signing key; the old one is no longer published. */
  rotateKeys(): void;
  /** Signs any claims with the provider's key. */
  sign(claims: Record<string, unknown>, header?: { typ?: string }): Promise<string>;
  readonly requests: string[];
  close(): Promise<void>;
}

/** @param redirectUris of the one client; with `anyPort`, those of loopback addresses may have any port. */
export async function startIdentityProvider(
  redirectUris: string[],
  { path = '', anyPort = false }: { path?: string; anyPort?: boolean } = {},
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
    person: { sub: 'subject-1', email: 'ann@corp.example', email_verified: true, name: 'Ann' },
    thin: false,
    tamper: undefined,
    intercept: undefined,
    requests,
    rotateKeys() {
      key = newKey();
      handle = build();
    },
    sign: async (claims, header = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: key.jwk.kid!, ...header })
        .sign(await importPKCS8(key.pem, 'RS256')),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const stored = new Map<string, AdapterPayload>();
  const build = () =>
    newProvider(
      idp,
      key.jwk,
      {
        client_id: clientId,
        redirect_uris: redirectUris,
        post_logout_redirect_uris: redirectUris.map((uri) => `${new URL(uri).origin}/signed-out`),
        client_secret: clientSecret,
        ...(anyPort && { application_type: 'native' }),
      },
      stored,
    );
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

/** Outlives a rotation of the keys, as a real provider's database does. */
function newAdapter(stored: Map<string, AdapterPayload>): (model: string) => Adapter {
  return (model) => {
    const find = async (id: string) => stored.get(`${model} ${id}`);
    return {
      find,
      findByUid: async (uid) => [...stored.values()].find((payload) => payload.uid === uid),
      findByUserCode: async () => undefined,
      upsert: async (id, payload) => void stored.set(`${model} ${id}`, payload),
      async consume(id) {
        (await find(id))!.consumed = Math.floor(Date.now() / 1000);
      },
      destroy: async (id) => void stored.delete(`${model} ${id}`),
      async revokeByGrantId(grantId) {
        for (const [key, payload] of stored) if (payload.grantId === grantId) stored.delete(key);
      },
    };
  };
}

type Client = NonNullable<Configuration['clients']>[number];

function newProvider(idp: FakeIdentityProvider, key: JWK, client: Client, stored: Map<string, AdapterPayload>) {
  const provider = new Provider(idp.issuer, {
    clients: [client],
    adapter: newAdapter(stored),
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
      ctx.body = await idp.tamper(ctx.body as TokenAnswer);
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
