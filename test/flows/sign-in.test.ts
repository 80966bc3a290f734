/** A person signs in with a browser, and an agent works with what that gave it: the whole way through the real gateway. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient, type Reply, textOf } from '../mcp-client.ts';
import { Browser } from '../oauth-browser.ts';
import { addPerson, PASSWORD, refresh, registerClient, signIn } from '../sign-in.ts';

let upstream: FakeHttpUpstream;
let gateway: TestGateway;

before(async () => {
  upstream = await startModernUpstream();
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'fake', url: upstream.url },
        { name: 'other', url: upstream.url },
      ],
      roles: [{ name: 'echoer', allow: [{ upstream: 'fake', tools: ['echo', 'late'] }] }],
    },
  });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

const clientOf = (token: string, path = '/mcp') => modernClient(`${gateway.url}${path}`, token);
const echo = (token: string, path = '/mcp', name = path === '/mcp' ? 'fake__echo' : 'echo') =>
  clientOf(token, path).request('tools/call', { name, arguments: { text: 'through' } });
const challengeOf = ({ headers }: Reply): string => String(headers['www-authenticate']);

test('a person signs in, consents, and the client calls with their rights and nobody else’s', async () => {
  const ann = await addPerson(gateway, 'ann@example.com', ['echoer']);
  const tokens = await signIn(gateway, ann, { clientId: await registerClient(gateway) });
  assert.equal(tokens.scope, 'mcp');
  assert.equal(textOf(await echo(tokens.access_token)), 'through');
  assert.equal((await echo(tokens.access_token, '/mcp', 'other__echo')).message.error.code, -32602);
  const [received] = upstream.calls('tools/call').slice(-1);
  assert.equal(received!.headers.authorization, undefined, 'the token stays here');
  const { body } = await gateway.admin('GET', `/audit/events?principal=${ann.id}&action=tool.call`);
  const [record] = body.items;
  assert.equal(record.agentKind, 'oauth_client');
  assert.equal(record.agentName, 'Test client');
  const { body: grants } = await gateway.admin('GET', `/grants?principal=${ann.id}`);
  assert.equal(record.grantId, grants.items[0].id, 'what to revoke stands in the record of the call');
});

test('a token is good for the resource that it was asked for, and for no other', async () => {
  const bob = await addPerson(gateway, 'bob@example.com', ['echoer']);
  const clientId = await registerClient(gateway);
  const { access_token: wide } = await signIn(gateway, bob, { clientId });
  const { access_token: narrow } = await signIn(gateway, bob, { clientId, resource: `${gateway.url}/mcp/fake` });
  assert.equal(textOf(await echo(narrow, '/mcp/fake')), 'through');
  for (const [token, path] of [
    [wide, '/mcp/fake'],
    [narrow, '/mcp'],
    [narrow, '/mcp/other'],
  ] as const) {
    const refused = await echo(token, path);
    assert.equal(refused.status, 401, path);
    assert.equal(refused.message.error.data.code, 'token_audience');
    assert.match(challengeOf(refused), /error="invalid_token"/);
    assert.ok(challengeOf(refused).includes(`/.well-known/oauth-protected-resource${path}"`));
  }
});

test('a call beyond the scopes of its token is told all scopes to ask for; lists show what can be had', async () => {
  const cat = await addPerson(gateway, 'cat@example.com', ['echoer']);
  const clientId = await registerClient(gateway);
  const { access_token: token, scope } = await signIn(gateway, cat, { clientId, scope: 'mcp:fake:read' });
  assert.equal(scope, 'mcp:fake:read');
  assert.equal(textOf(await echo(token)), 'through', '`echo` only reads');
  const refused = await echo(token, '/mcp', 'fake__late');
  assert.equal(refused.status, 403);
  assert.match(challengeOf(refused), /error="insufficient_scope".* scope="mcp:fake:read mcp:fake"/);
  const { message } = await clientOf(token).request('tools/list');
  assert.deepEqual(
    message.result.tools.map(({ name }: { name: string }) => name),
    ['fake__echo', 'fake__late'],
  );
  const { access_token: wider } = await signIn(gateway, cat, { clientId, scope: 'mcp:fake:read mcp:fake' });
  assert.equal(textOf(await echo(wider, '/mcp', 'fake__late')), 'through');
  const forbidden = await echo(wider, '/mcp', 'fake__progress');
  assert.equal(forbidden.message.error.code, -32602, 'a scope does not give what no role gives');
});

test('a refreshed token works, and using the old refresh token once more after the grace ends the grant', async () => {
  const dan = await addPerson(gateway, 'dan@example.com', ['echoer']);
  const clientId = await registerClient(gateway);
  const first = await signIn(gateway, dan, { clientId });
  const second = await refresh(gateway, clientId, first.refresh_token);
  assert.equal(second.status, 200);
  assert.notEqual(second.body.refresh_token, first.refresh_token);
  assert.equal(textOf(await echo(second.body.access_token)), 'through');
  const again = await refresh(gateway, clientId, first.refresh_token);
  assert.equal(again.body.refresh_token, second.body.refresh_token, 'within the grace, the same successor');
});

test('an account that was recovered has nobody in it any more: not by a token, and not by refreshing', async () => {
  const eve = await addPerson(gateway, 'eve@example.com', ['echoer']);
  const clientId = await registerClient(gateway);
  const tokens = await signIn(gateway, eve, { clientId });
  assert.equal(textOf(await echo(tokens.access_token)), 'through');
  const { body: link } = await gateway.admin('POST', `/users/${eve.id}/setup-links`, { purpose: 'recovery' });
  const browser = new Browser(gateway.url);
  const page = await browser.open(link.url);
  assert.equal((await refresh(gateway, clientId, tokens.refresh_token)).status, 200, 'not before it is used');
  const password = `${PASSWORD} again`;
  await browser.submit(page, { password, password_again: password });
  assert.equal((await echo(tokens.access_token)).status, 401);
  assert.equal((await refresh(gateway, clientId, tokens.refresh_token)).body.error, 'invalid_grant');
});

test('what is revoked is refused from the next request on, and its streams end', async (t) => {
  const ends: readonly [what: string, end: (given: { userId: string; clientId: string }) => Promise<void>][] = [
    [
      'the grant',
      async ({ userId }) => {
        const { body } = await gateway.admin('GET', `/grants?principal=${userId}&status=active`);
        assert.equal(body.items.length, 1);
        const { status } = await gateway.admin('POST', `/grants/${body.items[0].id}/revoke`);
        assert.equal(status, 200);
      },
    ],
    [
      'the client',
      async ({ clientId }) => {
        assert.equal((await gateway.admin('POST', `/oauth-clients/${clientId}/revoke`)).status, 200);
      },
    ],
    [
      'the person',
      async ({ userId }) => {
        const { headers } = await gateway.admin('GET', `/users/${userId}`);
        const disabled = await gateway.admin('POST', `/users/${userId}/disable`, undefined, {
          headers: { 'if-match': headers.get('etag')! },
        });
        assert.equal(disabled.status, 200, JSON.stringify(disabled.body));
      },
    ],
  ];
  for (const [index, [what, end]] of ends.entries()) {
    await t.test(what, async () => {
      const person = await addPerson(gateway, `eve-${index}@example.com`, ['echoer']);
      const clientId = await registerClient(gateway);
      const tokens = await signIn(gateway, person, { clientId });
      const stream = await clientOf(tokens.access_token).open('subscriptions/listen', {
        notifications: { toolsListChanged: true },
      });
      assert.equal(stream.status, 200);
      await end({ userId: person.id, clientId });
      await stream.closed;
      const refused = await echo(tokens.access_token);
      assert.equal(refused.status, 401);
      assert.match(challengeOf(refused), /error="invalid_token"/);
      const refreshed = await refresh(gateway, clientId, tokens.refresh_token);
      assert.ok([400, 401].includes(refreshed.status), `${refreshed.status}`);
      assert.ok(['invalid_grant', 'invalid_client'].includes(refreshed.body.error), refreshed.body.error);
    });
  }
});
