import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, SignJWT } from 'jose';
import { type ProviderBehaviour, QUIRKS, type Quirks } from './oauth-provider-behaviours.ts';
import { createFakeClients, type FakeClient } from './oauth-provider-clients.ts';
import {
  createFakeGrants,
  type FakeAccessToken,
  type FakeGrant,
  type Issued,
  OauthError,
} from './oauth-provider-grants.ts';
import { createOwnApi } from './oauth-provider-own-api.ts';
import {
  describeProvider,
  type Endpoint,
  type ProviderRequest,
  receiveRequest,
  refuseAuthorization,
  sendJson,
  type Tamper,
} from './oauth-provider-request.ts';

export interface OauthProviderOptions {
  readonly behaviour?: ProviderBehaviour;
  /** Null: they do not expire. */
  readonly accessTokenSeconds?: number | null;
  /** Null, and by default: they do not expire. */
  readonly refreshTokenSeconds?: number | null;
  readonly rotateRefreshTokens?: boolean;
  /** Registered by hand. */
  readonly clients?: readonly FakeClient[];
  /** Takes the URL of a client metadata document for a client id, and fetches it; not by default. */
  readonly cimd?: boolean;
  /** Dynamic registration; where the behaviour has it by default. */
  readonly dcr?: boolean;
  /** Of the issuer below its origin, such as `/tenant1`. */
  readonly path?: string;
  readonly scopes?: readonly string[];
  readonly quirks?: Partial<Quirks>;
}

/** A third-party authorization server over real HTTP, where whoever is named in `approve` says yes without being asked. */
export interface FakeOauthProvider {
  readonly issuer: string;
  /** Account of the person who sits in front of the browser. */
  approve: string;
  /** They say no, with this error, when it is set. */
  deny: string | undefined;
  /** What becomes of the scopes that were asked for. */
  grantScopes: ((asked: readonly string[]) => readonly string[]) | undefined;
  readonly requests: ProviderRequest[];
  to(endpoint: Endpoint): ProviderRequest[];
  readonly stats: {
    /** Refreshes that were answered, by the id of the grant. */
    readonly refreshes: ReadonlyMap<string, number>;
    invalidGrants: number;
    invalidClients: number;
    revocations: string[];
    registrations: number;
    codes: number;
  };
  readonly grants: readonly FakeGrant[];
  readonly tamper: Tamper;
  /** Sees every request first. True: it was answered here. */
  intercept: ((request: ProviderRequest, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
  /** Grants of the token endpoint beside the usual ones. */
  readonly extraGrants: Map<string, (params: URLSearchParams, clientId: string) => Promise<ExtraGrant> | ExtraGrant>;
  readonly clientDocuments: readonly string[];
  /** Tokens without a browser. */
  issueTo(account: string, clientId: string, scopes?: readonly string[]): Issued;
  purgeClients(): void;
  /** Ends the grants of one account, or all. */
  revokeGrant(account?: string): void;
  expireAccessTokens(): void;
  isValid(accessToken: string): boolean;
  token(accessToken: string): FakeAccessToken | undefined;
  close(): Promise<void>;
}

interface ExtraGrant {
  readonly account: string;
  readonly scopes: readonly string[];
}

/** Follows an authorization URL as a browser does, up to the URL that it is sent back to. */
export async function callbackOf(authorizationUrl: URL | string): Promise<URL> {
  const answer = await fetch(authorizationUrl, { redirect: 'manual' });
  const location = answer.headers.get('location');
  if (location === null) throw new Error(`The provider shows a page (${answer.status}): ${await answer.text()}`);
  return new URL(location);
}

const DEFAULT_PATHS: Partial<Record<ProviderBehaviour, string>> = {
  github: '/login/oauth',
  entra: '/tenant/v2.0',
  keycloak: '/realms/demo',
};

export async function startOauthProvider(options: OauthProviderOptions = {}): Promise<FakeOauthProvider> {
  const behaviour = options.behaviour ?? 'standard';
  const quirks: Quirks = { ...QUIRKS[behaviour], ...options.quirks };
  const { path = DEFAULT_PATHS[behaviour] ?? '', scopes = quirks.scopes } = options;
  const dcr = (options.dcr ?? true) && quirks.paths.register !== null;
  const expires = options.accessTokenSeconds;
  const store = createFakeGrants({
    accessTokenSeconds: expires === undefined ? quirks.accessTokenSeconds : expires,
    refreshTokenSeconds: options.refreshTokenSeconds ?? null,
    rotateRefreshTokens: options.rotateRefreshTokens ?? quirks.rotate,
  });
  const clients = createFakeClients({ given: options.clients ?? [], cimd: options.cimd ?? false });
  const { privateKey } = await generateKeyPair('ES256');
  const requests: ProviderRequest[] = [];
  const server = createServer((request, response) => {
    handle(request, response).catch((error) =>
      fail(response, 'other', new OauthError('server_error', String(error), 500)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = `${origin}${path}`;

  const provider: FakeOauthProvider = {
    issuer,
    approve: 'ann@corp.example',
    deny: undefined,
    grantScopes: undefined,
    requests,
    to: (endpoint) => requests.filter((request) => request.endpoint === endpoint),
    stats: {
      get refreshes() {
        return new Map(store.grants.map(({ id, refreshes }) => [id, refreshes]));
      },
      invalidGrants: 0,
      invalidClients: 0,
      revocations: [],
      registrations: 0,
      codes: 0,
    },
    grants: store.grants,
    tamper: {},
    intercept: undefined,
    extraGrants: new Map(),
    clientDocuments: clients.documents,
    issueTo: (account, clientId, granted = scopes) =>
      store.issue(store.newGrant({ account, clientId, scopes: granted, offline: true })),
    purgeClients: () => clients.purge(),
    revokeGrant(account) {
      for (const grant of store.grants) if (account === undefined || grant.account === account) grant.revoked = true;
    },
    expireAccessTokens() {
      for (const token of store.accessTokens.values()) token.expiresAt = Date.now();
    },
    isValid: (token) => store.find(token) !== undefined,
    token: (token) => store.find(token),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await receiveRequest(request, { path, quirks });
    requests.push(received);
    if (await provider.intercept?.(received, response)) return;
    try {
      await ENDPOINTS[received.endpoint](received, response);
    } catch (error) {
      if (!(error instanceof OauthError)) throw error;
      if (error.error === 'invalid_grant') provider.stats.invalidGrants++;
      if (error.error === 'invalid_client') provider.stats.invalidClients++;
      fail(response, received.params.get('grant_type') ?? '', error);
    }
  }

  const ownApi = createOwnApi(behaviour, { store, clients, stats: provider.stats, bearerOf });

  const ENDPOINTS: Record<Endpoint, (received: ProviderRequest, response: ServerResponse) => Promise<void> | void> = {
    metadata(_, response) {
      const more = { scopes, dcr, cimd: options.cimd === true, grantTypes: [...provider.extraGrants.keys()] };
      const document = describeProvider(issuer, quirks, more);
      sendJson(response, 200, provider.tamper.metadata?.(document) ?? document);
    },
    authorize,
    token,
    register({ body = {} }, response) {
      if (!dcr) return sendJson(response, 404, { error: 'not_found' });
      const why = quirks.refusesRegistration?.(body);
      if (why) throw new OauthError('invalid_client_metadata', why);
      provider.stats.registrations++;
      const client = clients.register(body, quirks.authMethods);
      const answer = { ...client, ...(client.client_secret !== undefined && { client_secret_expires_at: 0 }) };
      sendJson(response, 201, provider.tamper.registration?.(answer) ?? answer);
    },
    async revoke({ headers, params }, response) {
      // Google asks for no client there.
      if (behaviour !== 'google') await clients.authenticate(headers.authorization, params, [issuer]);
      const what = store.revoke(params.get('token') ?? '');
      if (what !== null) provider.stats.revocations.push(what);
      response.writeHead(200).end();
    },
    userinfo({ headers }, response) {
      const found = bearerOf(headers);
      if (found === undefined) return sendJson(response, 401, { error: 'invalid_token' });
      sendJson(response, 200, { sub: found.grant.account, email: found.grant.account });
    },
    other: (received, response) => ownApi(received, response),
  };

  async function authorize({ params }: ProviderRequest, response: ServerResponse): Promise<void> {
    const page = (why: string): void => void response.writeHead(400, { 'content-type': 'text/plain' }).end(why);
    const client = await clients.find(params.get('client_id') ?? '').catch(() => undefined);
    if (client === undefined) return page('unknown client');
    const redirectUri = params.get('redirect_uri') ?? '';
    if (client.redirect_uris !== undefined && !client.redirect_uris.includes(redirectUri)) return page('redirect_uri');
    const back = new URL(redirectUri);
    const asked = (params.get(quirks.scopeParameter ?? 'scope') ?? '').split(quirks.commas ? ',' : ' ').filter(Boolean);
    const refused = quirks.refuses?.(params) ?? refuseAuthorization(params, quirks, provider.deny);
    if (refused !== null) {
      back.searchParams.set('error', refused.error);
      back.searchParams.set('error_description', refused.description);
    } else {
      const granted = provider.grantScopes?.(asked) ?? asked;
      // Tokens that expire although those of the provider do not: an app that was set up so.
      const expiring = typeof expires === 'number' && quirks.accessTokenSeconds === null;
      const offline = expiring || quirks.offline(params, asked);
      const grant = store.newGrant({ account: provider.approve, clientId: client.client_id, scopes: granted, offline });
      for (const resource of params.getAll('resource')) grant.resources.add(resource);
      provider.stats.codes++;
      back.searchParams.set('code', store.newCode(grant, redirectUri, params.get('code_challenge') ?? undefined));
    }
    if (params.has('state')) back.searchParams.set('state', params.get('state')!);
    if (quirks.iss) back.searchParams.set('iss', issuer);
    response.writeHead(302, { location: (provider.tamper.callback?.(back) ?? back).href }).end();
  }

  async function token({ headers, params }: ProviderRequest, response: ServerResponse): Promise<void> {
    const client = await clients.authenticate(headers.authorization, params, [
      issuer,
      `${issuer}${quirks.paths.token}`,
    ]);
    const refused = quirks.refuses?.(params);
    if (refused) throw new OauthError(refused.error, refused.description);
    const issued = await issue(params, client.client_id);
    for (const resource of params.getAll('resource')) issued.grant.resources.add(resource);
    const plain = {
      access_token: issued.accessToken,
      token_type: 'Bearer',
      expires_in: issued.expiresIn ?? undefined,
      refresh_token:
        issued.refreshToken === params.get('refresh_token') ? undefined : (issued.refreshToken ?? undefined),
      scope: issued.scopes.length > 0 ? issued.scopes.join(' ') : undefined,
      id_token: issued.scopes.includes('openid') ? await idToken(issued, client.client_id) : undefined,
      ...quirks.answer?.(issued),
    };
    const answer = (await provider.tamper.token?.(plain, params)) ?? plain;
    if (quirks.formUnlessAsked && !headers.accept?.includes('application/json')) {
      const form = new URLSearchParams(JSON.parse(JSON.stringify(answer)) as Record<string, string>);
      response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded' }).end(form.toString());
    } else sendJson(response, 200, answer);
  }

  async function issue(params: URLSearchParams, clientId: string): Promise<Issued> {
    const grantType = params.get('grant_type') ?? '';
    const extra = provider.extraGrants.get(grantType);
    if (extra !== undefined) {
      return store.issue(store.newGrant({ ...(await extra(params, clientId)), clientId, offline: false }));
    }
    if (grantType === 'authorization_code') return store.redeem(params, clientId);
    if (grantType === 'refresh_token') return store.refresh(params, clientId);
    throw new OauthError('unsupported_grant_type');
  }

  const idToken = ({ grant }: Issued, clientId: string): Promise<string> =>
    new SignJWT({ email: grant.account, email_verified: true })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setSubject(grant.account)
      .setIssuedAt()
      .setExpirationTime('10 minutes')
      .sign(privateKey);

  function bearerOf({ authorization = '' }: IncomingHttpHeaders): FakeAccessToken | undefined {
    return store.find(authorization.replace(/^Bearer /i, ''));
  }

  function fail(response: ServerResponse, grantType: string, error: OauthError): void {
    const plain = { status: error.status, body: { error: error.error, error_description: error.message } };
    const { status, body } = quirks.failure?.(error, grantType) ?? plain;
    sendJson(response, status, body, status === 401 ? { 'www-authenticate': 'Basic realm="provider"' } : {});
  }

  return provider;
}
