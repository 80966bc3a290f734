import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OauthError } from '../../../../test/fakes/oauth-provider-grants.ts';
import {
  bearerOf,
  CLIENT,
  codeOf,
  JWT_BEARER,
  type Overrides,
  startMachineTokens,
  TOKEN_EXCHANGE,
  tokenRequests,
} from '../../../../test/start-machine-tokens.ts';
import { AppError } from '../../../errors/app-error.ts';

const ANN = { kind: 'user', id: 'usr_ann' } as const;
const BOB = { kind: 'user', id: 'usr_bob' } as const;

const byGateway = (grant: 'token-exchange' | 'id-jag', audience: string | null = null): Overrides => ({
  exchange: { grant, subject: 'gateway', provider: null, audience },
});
const byCompany = (grant: 'token-exchange' | 'id-jag'): Overrides => ({
  exchange: { grant, subject: 'identity-provider', provider: 'corp', audience: null },
});

test('the gateway vouches for each person at the provider, who gets a token of their own', async (t) => {
  const { provider, mcp, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream('token-exchange', byGateway('token-exchange', 'files-api'));
  const owners = [ANN, BOB, { kind: 'service_account', id: 'sva_job' } as const];
  const credentials = await Promise.all([...owners, ...owners].map((owner) => tokens.of(files, owner)));
  assert.equal(new Set(credentials).size, 3);
  assert.equal(new Set(credentials.map(({ id }) => id)).size, 3);
  for (const [index, { id: subject }] of owners.entries()) {
    const { account } = provider.token(bearerOf(credentials[index]!))!.grant;
    const about = { subject, audience: provider.issuer, resource: mcp.url, clientId: CLIENT.client_id };
    assert.deepEqual(JSON.parse(account), { kind: 'subject', ...about });
  }
  const [request] = tokenRequests(provider);
  const sent = Object.fromEntries(request!);
  assert.deepEqual(
    { ...sent, subject_token: '' },
    {
      grant_type: TOKEN_EXCHANGE,
      subject_token: '',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'files-api',
      resource: mcp.url,
      scope: 'mcp:read',
    },
  );
});

test('the gateway issues an identity assertion for a person, and the provider gives a token for it', async (t) => {
  const { provider, mcp, open, upstream } = await startMachineTokens(t);
  const credential = await open().of(upstream('token-exchange', byGateway('id-jag')), ANN);
  const about = { subject: 'usr_ann', audience: provider.issuer, resource: mcp.url, clientId: CLIENT.client_id };
  const { account } = provider.token(bearerOf(credential))!.grant;
  assert.deepEqual(JSON.parse(account), { kind: 'id-jag', ...about, scopes: ['mcp:read'] });
  assert.equal(tokenRequests(provider)[0]!.get('grant_type'), JWT_BEARER);
});

test('the company’s identity provider vouches with the ID token of the sign-in', async (t) => {
  const { provider, mcp, said, open, upstream } = await startMachineTokens(t);
  said.idTokens.set('corp usr_ann', 'id-token-of-ann');
  const credential = await open().of(upstream('token-exchange', byCompany('id-jag')), ANN);
  assert.equal(provider.token(bearerOf(credential))!.grant.account, 'the-id-jag');
  assert.deepEqual(said.asked, [
    {
      name: 'corp',
      idToken: 'id-token-of-ann',
      audience: provider.issuer,
      resource: mcp.url,
      scopes: ['mcp:read'],
    },
  ]);
  const direct = await open().of({ ...upstream('token-exchange', byCompany('token-exchange')), name: 'direct' }, ANN);
  assert.equal(provider.token(bearerOf(direct))!.grant.account, 'id-token-of-ann');
});

test('a person without a sign-in that still counts is sent to sign in, and may go on right afterwards', async (t) => {
  const { provider, said, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream('token-exchange', byCompany('id-jag'));
  const asksToSignIn = (error: unknown) =>
    error instanceof AppError &&
    error.code === 'connection_required' &&
    error.data?.connectUrl === 'http://127.0.0.1:1/sign-in/corp';
  await assert.rejects(async () => tokens.of(files, ANN), asksToSignIn);
  said.idTokens.set('corp usr_ann', 'old');
  said.idJag = null;
  await assert.rejects(async () => tokens.of(files, ANN), asksToSignIn, 'the provider takes it no more');
  const direct = { ...upstream('token-exchange', byCompany('token-exchange')), name: 'direct' };
  provider.extraGrants.set(TOKEN_EXCHANGE, () => {
    throw new OauthError('invalid_grant');
  });
  for (let i = 0; i < 10; i++) await assert.rejects(async () => tokens.of(direct, ANN), asksToSignIn);
  assert.equal(provider.to('token').length, 1, 'a token that was refused is not presented at every call');
  const asked = said.asked.length;
  await assert.rejects(async () => tokens.of(files, ANN), asksToSignIn);
  assert.equal(said.asked.length, asked, 'also not to the identity provider');
  said.idJag = 'good again';
  said.idTokens.set('corp usr_ann', 'of the next sign-in');
  assert.ok(await tokens.of(files, ANN));
  await assert.rejects(
    async () => tokens.of(files, { kind: 'service_account', id: 'sva_job' }),
    codeOf('upstream_credential_missing'),
  );
});

test('what a provider issues instead of an access token is not sent to the upstream', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  provider.tamper.token = (answer) => ({
    ...answer,
    issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token',
  });
  const files = upstream('token-exchange', byGateway('token-exchange'));
  await assert.rejects(async () => open().of(files, ANN), codeOf('upstream_credential_rejected'));
});

test('without keys of its own the gateway does not vouch for anybody', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  const files = upstream('token-exchange', byGateway('id-jag'));
  await assert.rejects(async () => open({ assertions: null }).of(files, ANN), codeOf('upstream_credential_rejected'));
  assert.equal(provider.to('token').length, 0);
});

test('nothing is left of a person who is gone, nor of an upstream that changed', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream('token-exchange', byGateway('token-exchange'));
  await tokens.of(files, ANN);
  const bobs = await tokens.of(files, BOB);
  tokens.endOfPrincipal(ANN.id);
  assert.equal(tokens.stats().warm, 1);
  assert.equal(tokens.of(files, BOB), bobs);
  tokens.forget('files');
  assert.equal(tokens.stats().warm, 0);
  assert.notEqual(await tokens.of(files, BOB), bobs);
  assert.equal(provider.to('token').length, 3);
});
