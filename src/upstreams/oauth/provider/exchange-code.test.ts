import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredClient } from '../../../../test/fakes/oauth-settings.ts';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';
import { callTool, startFlow } from '../../../../test/fakes/provider-flow.ts';

test('a person who agrees is connected: their tokens work at the upstream, for its resource alone', async () => {
  await using flow = await startFlow({ upstream: { audience: true } });
  const before = Date.now();
  const tokens = await flow.connect();
  assert.equal(await callTool(flow.upstream.url, tokens, 'whoami'), 'ann@corp.example');
  assert.deepEqual(tokens.scopes, ['mcp:read']);
  assert.ok(tokens.refreshToken !== null);
  assert.ok(tokens.expiresAt! >= before + 3_600_000 && tokens.expiresAt! <= Date.now() + 3_600_000);
  assert.equal(tokens.refreshExpiresAt, null);
  const [request] = flow.fake.to('token');
  assert.deepEqual(request?.params.getAll('resource'), [flow.upstream.url]);
  assert.deepEqual(flow.fake.to('authorize')[0]?.params.getAll('resource'), [flow.upstream.url]);
  assert.equal(JSON.stringify(tokens).includes(tokens.accessToken.reveal()), false);
});

test('an answer of another issuer is refused before its code goes anywhere: iss is compared by every character', async () => {
  await using flow = await startFlow();
  const { issuer } = flow.provider;
  for (const iss of ['https://evil.example', `${issuer}/`, issuer.toUpperCase(), null]) {
    const callback = await flow.callback();
    callback.searchParams.delete('iss');
    if (iss !== null) callback.searchParams.set('iss', iss);
    await assert.rejects(flow.exchange(callback), failsAs('protocol', /"iss"/), String(iss));
  }
  const twice = await flow.callback();
  twice.searchParams.append('iss', issuer);
  await assert.rejects(flow.exchange(twice), failsAs('protocol', /"iss"/));
  assert.equal(flow.fake.to('token').length, 0);
});

test('a provider that does not promise iss may leave it out, but not send a wrong one', async () => {
  await using flow = await startFlow({ provider: { quirks: { iss: false } } });
  const callback = await flow.callback();
  callback.searchParams.set('iss', 'https://evil.example');
  await assert.rejects(flow.exchange(callback), failsAs('protocol', /"iss"/));
  assert.ok((await flow.connect()).accessToken);
});

test('an error of another issuer, or with another state, is not even repeated', async () => {
  await using flow = await startFlow();
  flow.fake.deny = 'access_denied';
  for (const [name, value] of [
    ['iss', 'https://evil.example'],
    ['state', 'other'],
  ] as const) {
    const callback = await flow.callback();
    callback.searchParams.set(name, value);
    callback.searchParams.set('error_description', 'Call +1 555 now');
    await assert.rejects(flow.exchange(callback), (error: Error) => {
      assert.doesNotMatch(error.message, /555|denied/);
      return failsAs('protocol', new RegExp(`"${name}"`))(error);
    });
  }
});

test('the state has to be the one that was sent, once, and there has to be a code', async () => {
  await using flow = await startFlow();
  const change = async (how: (params: URLSearchParams) => void, text: RegExp) => {
    const callback = await flow.callback();
    how(callback.searchParams);
    await assert.rejects(flow.exchange(callback), failsAs('protocol', text));
  };
  await change((params) => params.set('state', 'other'), /"state"/);
  await change((params) => params.delete('state'), /"state"/);
  await change((params) => params.append('state', 'the-state'), /"state"/);
  await change((params) => params.delete('code'), /without a code/);
  await change((params) => params.set('response', 'a.b.c'), /JARM/);
  await change((params) => params.set('id_token', 'a.b.c'), /hybrid/);
  assert.equal(flow.fake.to('token').length, 0);
});

test('the code alone is worth nothing: without the verifier of the same request it is refused', async () => {
  await using flow = await startFlow();
  const codeVerifier = 'w'.repeat(64);
  await assert.rejects(
    flow.exchange(await flow.callback(), { codeVerifier }),
    failsAs('invalid_grant', /code_verifier/),
  );
});

test('a no of the person or the provider says so, with its words escaped', async () => {
  await using flow = await startFlow();
  for (const [error, kind] of [
    ['access_denied', 'denied'],
    ['invalid_scope', 'invalid_scope'],
    ['temporarily_unavailable', 'transient'],
    ['unauthorized_client', 'invalid_client'],
    ['constructor', 'protocol'],
  ] as const) {
    flow.fake.deny = error;
    flow.fake.tamper.callback = (url) => {
      url.searchParams.set('error_description', `\u202e<b>no</b>\r\n${'x'.repeat(5000)}`);
      return url;
    };
    await assert.rejects(flow.exchange(await flow.callback()), (thrown: Error) => {
      assert.ok(thrown.message.length <= 200);
      return failsAs(kind, new RegExp(`${error}: \\\\u202e<b>no</b>\\\\u000d`))(thrown);
    });
  }
});

test('what a provider repeats of the request in its error is not passed on', async () => {
  await using flow = await startFlow();
  for (const member of ['code', 'code_verifier']) {
    flow.fake.intercept = ({ endpoint, params }, response) => {
      if (endpoint !== 'token') return false;
      const body = { error: 'invalid_request', error_description: `look: ${params.get(member)}` };
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return true;
    };
    await assert.rejects(flow.exchange(await flow.callback()), failsAs('protocol', /look: \[redacted\]”/));
  }
});

test('a client that another provider knows takes its secret nowhere', async () => {
  await using flow = await startFlow();
  const client = configuredClient({ issuer: 'https://honest.example' });
  await assert.rejects(flow.exchange(await flow.callback(), { client }), failsAs('changed_issuer', /honest/));
  assert.equal(flow.fake.to('token').length, 0);
});

test('scopes that the answer does not name are those that were asked for', async () => {
  await using flow = await startFlow();
  flow.fake.tamper.token = ({ scope: _, ...answer }) => answer;
  assert.deepEqual((await flow.connect()).scopes, ['mcp:read']);
  flow.fake.tamper.token = (answer) => ({ ...answer, scope: 'a b a "c' });
  assert.deepEqual((await flow.connect()).scopes, ['a', 'b']);
});

test('the account is read from the ID token or the UserInfo endpoint, and nothing depends on it', async () => {
  const openid = { provider: { behaviour: 'keycloak' as const }, oauth: { scopes: ['openid', 'email'] } };
  await using flow = await startFlow(openid);
  assert.equal((await flow.connect()).account, 'ann@corp.example');
  assert.equal(flow.fake.to('userinfo').length, 0);
  const other = { iss: 'https://other.example', aud: flow.client.id, email: 'eve@evil.example' };
  const idToken = `e30.${Buffer.from(JSON.stringify(other)).toString('base64url')}.x`;
  flow.fake.tamper.token = (answer) => ({ ...answer, id_token: idToken });
  flow.fake.approve = 'ben\u0007@corp.example';
  assert.equal((await flow.connect()).account, 'ben\\u0007@corp.example', 'the token is of another issuer');
  flow.fake.intercept = ({ endpoint }, response) => endpoint === 'userinfo' && Boolean(response.writeHead(500).end());
  assert.equal((await flow.connect()).account, null);
  flow.fake.tamper.token = (answer) => ({ ...answer, id_token: 7 });
  assert.equal((await flow.connect()).account, null);
});
