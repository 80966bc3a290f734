import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import pino from 'pino';
import { AppError } from '../src/errors/app-error.ts';
import { asFetch } from '../src/lib/safe-fetch.ts';
import { Secret } from '../src/lib/secret.ts';
import type { AuditEvent } from '../src/model/audit-event.ts';
import type { HttpUpstream, UpstreamOauth, UpstreamOauthAuth } from '../src/model/upstream.ts';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import type { GatewayAssertions } from '../src/upstreams/oauth/grants/gateway-assertions.ts';
import { createMachineTokens } from '../src/upstreams/oauth/grants/machine-tokens.ts';
import type { IdentityProviders } from '../src/upstreams/oauth/grants/obtain-token.ts';
import type { Credential } from '../src/upstreams/upstream-connection.ts';
import { parseMasterKey } from '../src/vault/master-key.ts';
import { openVault } from '../src/vault/vault.ts';
import { type FakeOauthProvider, startOauthProvider } from './fakes/oauth-provider.ts';
import { startOauthUpstream } from './fakes/upstream-oauth.ts';

/** Of the gateway at the provider. */
export const CLIENT = { client_id: 'toolgate-client', client_secret: 'hush-hush' };
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export type Overrides = Partial<UpstreamOauth>;

const settings = (more: Overrides = {}): UpstreamOauth => ({
  preset: null,
  issuer: null,
  client: { id: CLIENT.client_id, authMethod: 'client_secret_basic' },
  scopes: null,
  readOnly: false,
  sendResource: null,
  reach: 'loopback',
  exchange: null,
  ...more,
});

/** A gateway's worth of what the tokens need, before an upstream and its provider. */
export async function startMachineTokens(t: TestContext, clients: Parameters<typeof startOauthProvider>[0] = {}) {
  const provider = await startOauthProvider({ clients: [CLIENT], accessTokenSeconds: 600, ...clients });
  t.after(() => provider.close());
  const mcp = await startOauthUpstream(provider, { challengeScopes: ['mcp:read'] });
  t.after(() => mcp.close());
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  const vault = await openVault({ db, masterKey: parseMasterKey(randomBytes(32).toString('base64'), 'a test') });
  const clock = { passed: 0 };
  const events: AuditEvent[] = [];
  const secrets = { 'client-secret': CLIENT.client_secret as string | null, 'client-key': null as string | null };
  const said = { idTokens: new Map<string, string>(), idJag: 'the-id-jag' as string | null, asked: [] as unknown[] };

  const assertions: GatewayAssertions = {
    subjectToken: async (about) => new Secret(JSON.stringify({ kind: 'subject', ...about })),
    idJag: async (about) => new Secret(JSON.stringify({ kind: 'id-jag', ...about })),
  };
  const identity: IdentityProviders = {
    idTokenOf: async (name, userId) => {
      const idToken = said.idTokens.get(`${name} ${userId}`);
      return idToken === undefined ? null : new Secret(idToken);
    },
    idJag: async (name, { idToken, ...request }) => {
      said.asked.push({ name, idToken: idToken.reveal(), ...request });
      return said.idJag === null ? null : new Secret(said.idJag);
    },
  };
  /** Another process, or the same one after a restart. */
  const open = ({
    upstream = () => undefined,
    ...more
  }: {
    assertions?: GatewayAssertions | null;
    upstream?: (name: string) => HttpUpstream | undefined;
  } = {}) =>
    createMachineTokens({
      connections: {
        ...{ db, vault },
        audit: { record: (event) => void events.push(event) },
        log: pino({ level: 'silent' }),
        publicUrl: () => 'http://127.0.0.1:1',
        upstream,
        secretOf: async (_, name) => (secrets[name] === null ? null : new Secret(secrets[name])),
        linkKey: new Secret('unused'),
        fetchFor: () => asFetch({ reach: 'loopback-too' }),
        onChange() {},
        now: () => Date.now() + clock.passed,
      },
      assertions,
      identity,
      signInUrl: (name) => `http://127.0.0.1:1/sign-in/${name}`,
      ...more,
    });
  const upstream = (kind: UpstreamOauthAuth['kind'] = 'client-credentials', more: Overrides = {}): HttpUpstream => ({
    name: 'files',
    source: 'file',
    enabled: true,
    timeoutMs: 1000,
    maxConcurrent: 8,
    forwardHeaders: [],
    audit: { response: 'hash', redact: [] },
    transport: 'http',
    url: mcp.url,
    identityHeader: null,
    auth: { kind, oauth: settings(more) },
  });
  provider.extraGrants.set('client_credentials', (params, clientId) => ({
    account: `client ${clientId}`,
    scopes: params.get('scope')?.split(' ') ?? [],
  }));
  for (const [grant, member] of [
    [TOKEN_EXCHANGE, 'subject_token'],
    [JWT_BEARER, 'assertion'],
  ] as const) {
    provider.extraGrants.set(grant, (params) => ({ account: params.get(member)!, scopes: ['mcp:read'] }));
  }
  return { provider, mcp, db, vault, clock, events, secrets, said, open, upstream };
}

export const bearerOf = ({ headers }: Credential): string => headers[0]![1].reveal().replace('Bearer ', '');
export const tokenRequests = (provider: FakeOauthProvider) => provider.to('token').map(({ params }) => params);
export const codeOf = (code: AppError['code']) => (error: unknown) => error instanceof AppError && error.code === code;
