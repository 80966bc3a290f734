import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredClient } from '../../../../test/fakes/oauth-settings.ts';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';
import { callTool, type FlowOptions, startFlow } from '../../../../test/fakes/provider-flow.ts';
import { Secret } from '../../../lib/secret.ts';
import { type RefreshOptions, refreshTokens } from './refresh-tokens.ts';

async function connected(options: FlowOptions = {}) {
  const flow = await startFlow(options);
  const tokens = await flow.connect();
  const { provider, client, oauth, preset, fetch } = flow;
  const refresh = (changes: Partial<RefreshOptions> = {}) =>
    refreshTokens({
      ...{ provider, client, oauth, preset, fetch, scopes: tokens.scopes },
      refreshToken: tokens.refreshToken!,
      ...changes,
    });
  return { ...flow, tokens, refresh };
}

test('a refresh gives new tokens for the same resource, and asks for no other scopes', async () => {
  await using place = await connected();
  const fresh = await place.refresh();
  assert.notEqual(fresh.accessToken.reveal(), place.tokens.accessToken.reveal());
  assert.notEqual(fresh.refreshToken!.reveal(), place.tokens.refreshToken!.reveal());
  assert.deepEqual(fresh.scopes, ['mcp:read']);
  assert.equal(await callTool(place.upstream.url, fresh, 'whoami'), 'ann@corp.example');
  const request = place.fake.to('token').at(-1)!;
  assert.deepEqual(request.params.getAll('resource'), [place.upstream.url]);
  assert.equal(request.params.has('scope'), false);
});

test('the old refresh token stays when no new one comes, as the very same object', async () => {
  await using place = await connected({ provider: { rotateRefreshTokens: false } });
  const fresh = await place.refresh();
  assert.equal(fresh.refreshToken, place.tokens.refreshToken);
  assert.equal(fresh.refreshExpiresAt, null);
  for (const nothing of [null, '']) {
    place.fake.tamper.token = (answer) => ({ ...answer, refresh_token: nothing });
    assert.equal((await place.refresh()).refreshToken, place.tokens.refreshToken);
  }
});

test('a spent refresh token is invalid_grant, and shows nobody what it was', async () => {
  await using place = await connected();
  await place.refresh();
  await assert.rejects(
    place.refresh(),
    failsAs('invalid_grant', /“invalid_grant: Token has been expired or revoked\.”/),
  );
  place.fake.intercept = ({ params }, response) => {
    response.writeHead(400, { 'content-type': 'application/json' });
    const description = `no such token: ${params.get('refresh_token')} of ${params.get('client_secret')}`;
    return Boolean(response.end(JSON.stringify({ error: 'invalid_grant', error_description: description })));
  };
  await assert.rejects(place.refresh(), (error: Error) => {
    assert.ok(!error.message.includes(place.tokens.refreshToken!.reveal()));
    assert.equal(error.cause, undefined, 'and no answer hides in the error');
    return failsAs('invalid_grant', /\[redacted\]/)(error);
  });
});

test('a purged client is invalid_client, however the provider says it', async () => {
  await using place = await connected();
  place.fake.purgeClients();
  await assert.rejects(place.refresh(), failsAs('invalid_client', /invalid_client/));
  for (const [status, body] of [
    [400, '{"error":"invalid_client"}'],
    [200, '{"error":"invalid_client"}'],
    [401, '<html>'],
    [400, '{"error":"unauthorized_client"}'],
  ] as const) {
    place.fake.intercept = (_, response) => {
      response.writeHead(status, { 'www-authenticate': 'Basic realm="x"' });
      return Boolean(response.end(body));
    };
    await assert.rejects(place.refresh(), failsAs('invalid_client', /client/));
  }
});

test('a provider that is down, overloaded or failing is transient: nobody has to connect again', async () => {
  await using place = await connected();
  for (const status of [429, 500, 502, 503, 408]) {
    place.fake.intercept = (_, response) => Boolean(response.writeHead(status).end('{"error":"invalid_grant"}'));
    await assert.rejects(place.refresh(), failsAs('transient', new RegExp(String(status))));
  }
  place.fake.intercept = (_, response) => Boolean(response.writeHead(400).end('{"error":"temporarily_unavailable"}'));
  await assert.rejects(place.refresh(), failsAs('transient', /temporarily/));
  place.fake.intercept = (_, response) => Boolean(response.destroy());
  await assert.rejects(place.refresh(), failsAs('transient', /cannot be reached/));
  await place.fake.close();
  await assert.rejects(place.refresh(), failsAs('transient', /cannot be reached/));
});

test('answers that are no tokens are refused as a whole', async () => {
  await using place = await connected({ provider: { rotateRefreshTokens: false } });
  for (const [member, value] of [
    ['access_token', undefined],
    ['access_token', ''],
    ['access_token', 'a\r\nx-evil: 1'],
    ['access_token', 'a b'],
    ['access_token', 'x'.repeat(20_000)],
    ['access_token', { value: 'x' }],
    ['token_type', undefined],
    ['expires_in', -5],
    ['expires_in', 'soon'],
    ['refresh_token', 'a\nb'],
    ['refresh_token', 7],
    ['scope', { all: true }],
  ] as const) {
    place.fake.tamper.token = (answer) => ({ ...answer, [member]: value });
    await assert.rejects(place.refresh(), failsAs('protocol', new RegExp(`look at \`${member}`)), String(value));
  }
  for (const type of ['DPoP', 'mac', 'user']) {
    place.fake.tamper.token = (answer) => ({ ...answer, token_type: type });
    await assert.rejects(place.refresh(), failsAs('protocol', /not Bearer/));
  }
  place.fake.tamper.token = undefined;
  for (const body of ['', '[]', 'null', '<html></html>']) {
    place.fake.intercept = (_, response) => Boolean(response.writeHead(200).end(body));
    await assert.rejects(place.refresh(), failsAs('protocol', /look at/));
  }
});

test('careless but clear answers are taken: other spellings, numbers as text, null for nothing', async () => {
  await using place = await connected({ provider: { rotateRefreshTokens: false } });
  const before = Date.now();
  place.fake.tamper.token = (answer) => ({ ...answer, token_type: 'bearer', expires_in: '60', scope: null });
  const fresh = await place.refresh();
  assert.ok(fresh.expiresAt! >= before + 60_000 && fresh.expiresAt! <= Date.now() + 60_000);
  assert.deepEqual(fresh.scopes, ['mcp:read']);
  place.fake.tamper.token = (answer) => ({ ...answer, expires_in: null, refresh_expires_in: 'never' });
  assert.equal((await place.refresh()).expiresAt, null);
  place.fake.tamper.token = (answer) => ({ ...answer, expires_in: 1e15 });
  assert.ok((await place.refresh()).expiresAt! < Date.now() + 11 * 365 * 86_400_000);
});

test('the end of a refresh token is known where the provider tells it, under any of its names', async () => {
  await using place = await connected();
  for (const name of ['refresh_expires_in', 'refresh_token_expires_in']) {
    place.fake.tamper.token = (answer) => ({ ...answer, [name]: 600 });
    const { refreshExpiresAt } = await place.connect();
    assert.ok(refreshExpiresAt! > Date.now() + 590_000 && refreshExpiresAt! <= Date.now() + 600_000);
    place.fake.tamper.token = (answer) => ({ ...answer, [name]: 0 });
    assert.equal((await place.connect()).refreshExpiresAt, null, '0 is for as long as it is used');
  }
});

test('neither a redirect nor a client of another provider gets the refresh token', async () => {
  await using place = await connected();
  const client = configuredClient({ issuer: 'https://other.example' });
  const sent = place.fake.to('token').length;
  await assert.rejects(place.refresh({ client }), failsAs('changed_issuer', /other\.example/));
  assert.equal(place.fake.to('token').length, sent);
  place.fake.intercept = (_, response) => Boolean(response.writeHead(307, { location: '/elsewhere' }).end());
  await assert.rejects(place.refresh(), failsAs('metadata', /redirect/));
  assert.equal(place.fake.requests.at(-1)?.endpoint, 'token');
  const huge = 'x'.repeat(600 * 1024);
  place.fake.intercept = (_, response) => Boolean(response.writeHead(200).end(huge));
  await assert.rejects(place.refresh({ refreshToken: new Secret('x') }), failsAs('metadata', /more than/));
});
