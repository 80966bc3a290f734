/** Where the secrets of connecting are not: in pages, in URLs of ours, in the log, in the audit log. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ConnectSite, startConnectSite } from '../connect-site.ts';

let site: ConnectSite;
before(async () => {
  site = await startConnectSite();
});
after(() => site[Symbol.asyncDispose]());

test('no token, code, verifier or state stands in a page, an address, the API or a log', async () => {
  const ann = await site.newPerson('ann');
  const seen: string[] = [];
  const open = async (path: string) => {
    const page = await ann.browser.get(path);
    seen.push(page.text, page.location ?? '', [...page.headers].join('\n'));
    return page;
  };
  const form = await open('/connect/docs');
  const posted = await ann.browser.post('/connect/docs', site.fieldsOf(form));
  const away = new URL(posted.onwards!);
  // The page that leads to the provider holds the way there, which is the one place for state and challenge.
  assert.equal(away.searchParams.get('code_challenge_method'), 'S256');
  assert.equal(away.searchParams.has('code_verifier'), false);
  site.provider.approve = 'ann@provider.example';
  const { location } = await ann.browser.get(away.href);
  const callback = new URL(location!);
  await open(location!);
  for (const path of ['/connect', '/connect/docs', '/connect/docs?again=1', location!]) await open(path);
  const call = await site.accountOf(ann, 'docs');
  assert.equal(call, 'ann@provider.example');
  seen.push(JSON.stringify(await site.connections()), JSON.stringify(await site.recorded('connection.connect')));
  const { body } = await site.gateway.admin('GET', '/audit/events?limit=1000');
  seen.push(JSON.stringify(body), ...site.gateway.logs);

  const exchange = site.provider.to('token')[0]!.params;
  const secrets = {
    'access token': [...site.upstream.tokens].join('') || 'none',
    code: callback.searchParams.get('code')!,
    state: callback.searchParams.get('state')!,
    verifier: exchange.get('code_verifier')!,
  };
  for (const [name, secret] of Object.entries(secrets)) {
    assert.ok(secret.length > 15, name);
    for (const text of seen) assert.ok(!text.includes(secret), `${name} in ${text.slice(0, 300)}`);
  }
});
