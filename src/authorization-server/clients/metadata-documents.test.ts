import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startAuthorizationServer, type TestAuthorizationServerOptions } from '../../../test/authorization-server.ts';
import { Browser } from '../../../test/oauth-browser.ts';
import { authorize, authorizeUrl, connect, LOOPBACK, post, refreshFields } from '../../../test/oauth-client.ts';
import type { safeFetch } from '../../lib/safe-fetch.ts';
import { SafeFetchError } from '../../lib/safe-fetch-error.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A host of metadata documents. */
async function startHost(t: TestContext) {
  const host = {
    hits: 0,
    /** Replaced by tests. */
    answer(response: ServerResponse, url: string): void {
      response.setHeader('etag', '"1"').end(JSON.stringify(host.document(url)));
    },
    document: (url: string): Record<string, unknown> => ({
      client_id: host.url + url,
      client_name: 'Documented',
      redirect_uris: ['http://127.0.0.1/callback'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:something:else'],
      scope: 'a b c',
    }),
    url: '',
    conditions: [] as (string | undefined)[],
  };
  const server = createServer((request, response) => {
    host.hits++;
    host.conditions.push(request.headers['if-none-match']);
    host.answer(response, request.url!);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  host.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return host;
}

async function start(t: TestContext, given: TestAuthorizationServerOptions = {}) {
  const as = await startAuthorizationServer(given);
  t.after(() => as.close());
  await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  return { as, browser };
}

test('a client is known by its document, whose loopback redirect stands for every port', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t);
  const clientId = `${host.url}/client.json`;
  const page = await browser.open(authorizeUrl(as.url, { clientId, redirectUri: LOOPBACK }));
  assert.match(page.text, new RegExp(`<p class="who"><bdi>${new URL(host.url).host}</bdi></p>`));
  assert.match(page.text, /“<bdi>Documented<\/bdi>”/);
  const tokens = await connect(browser, { clientId, redirectUri: LOOPBACK });
  assert.equal((await post(`${as.url}/oauth/token`, refreshFields(clientId, tokens.refresh_token))).status, 200);
  assert.equal(host.hits, 1);
  assert.ok(as.events.some(({ action, target }) => action === 'client.fetched' && target === clientId));
});

test('a document is asked for again when its time is over, and only then', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t);
  const clientId = `${host.url}/client.json`;
  await authorize(browser, { clientId });
  as.clock.ahead += HOUR - 60_000;
  await authorize(browser, { clientId });
  assert.equal(host.hits, 1);
  as.clock.ahead += 120_000;
  host.answer = (response) => void response.writeHead(304).end();
  await authorize(browser, { clientId });
  await authorize(browser, { clientId });
  assert.deepEqual([host.hits, host.conditions], [2, [undefined, '"1"']]);
});

test('a changed document counts from then on', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t);
  const clientId = `${host.url}/client.json`;
  await authorize(browser, { clientId });
  const before = host.document;
  host.document = (url) => ({ ...before(url), redirect_uris: ['http://127.0.0.1/elsewhere'] });
  as.clock.ahead += HOUR + 60_000;
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  assert.equal(page.status, 400);
  await authorize(browser, { clientId, redirectUri: 'http://127.0.0.1:1/elsewhere' });
});

test('a client goes on working for a week while its document cannot be had', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t);
  const clientId = `${host.url}/client.json`;
  let { refresh_token } = await connect(browser, { clientId });
  host.answer = (response) => void response.writeHead(503).end();
  for (const ahead of [2 * HOUR, DAY, 5 * DAY]) {
    as.clock.ahead += ahead;
    const refreshed = await post(`${as.url}/oauth/token`, refreshFields(clientId, refresh_token));
    assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
    ({ refresh_token } = refreshed.body);
  }
  const hits = host.hits;
  await post(`${as.url}/oauth/token`, refreshFields(clientId, refresh_token));
  assert.equal(host.hits, hits, 'a failure is not repeated at once');
  as.clock.ahead += 2 * DAY;
  const dead = await post(`${as.url}/oauth/token`, refreshFields(clientId, refresh_token));
  assert.deepEqual([dead.status, dead.body.error], [400, 'invalid_client']);
  assert.equal(dead.body.error_uri, `${as.url}/errors/client_metadata_unreachable`);
});

test('a document that is gone takes its client along', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t);
  const clientId = `${host.url}/client.json`;
  const { refresh_token } = await connect(browser, { clientId });
  host.answer = (response) => void response.writeHead(410).end();
  as.clock.ahead += 2 * HOUR;
  const dead = await post(`${as.url}/oauth/token`, refreshFields(clientId, refresh_token));
  assert.deepEqual([dead.status, dead.body.error], [400, 'invalid_client']);
});

test('a document that is not what it should be is refused, for all reasons with one text', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t);
  const texts = new Set<string>();
  let count = 0;
  const refuse = async (change: (clientId: string) => string | Record<string, unknown>): Promise<void> => {
    const path = `/client-${++count}.json`;
    host.answer = (response, url) => {
      const body = change(host.url + url);
      response.end(typeof body === 'string' ? body : JSON.stringify({ ...host.document(url), ...body }));
    };
    const page = await browser.open(authorizeUrl(as.url, { clientId: host.url + path }));
    assert.equal(page.status, 400, `${count}`);
    assert.equal(page.headers.get('location'), null);
    texts.add(page.text.replaceAll(/req_\w+/g, ''));
  };
  await refuse(() => 'no JSON');
  await refuse(() => '[]');
  await refuse(() => 'null');
  await refuse(() => ({ client_id: 'https://other.example/client.json' }));
  await refuse((id) => ({ client_id: `${id}/` }));
  await refuse(() => ({ client_secret: 'secret' }));
  await refuse(() => ({ token_endpoint_auth_method: 'client_secret_basic' }));
  await refuse(() => ({ redirect_uris: [] }));
  await refuse(() => ({ redirect_uris: ['http://evil.example/'] }));
  await refuse(() => ({ redirect_uris: 'https://app.example/' }));
  await refuse(() => 'x'.repeat(70_000));
  assert.equal(texts.size, 1);
  assert.match([...texts][0]!, /client_metadata_unreachable/);
});

/** A network in which every document is, so that https can be tried without it. */
function fakeNetwork(asked: string[]): typeof safeFetch {
  return async (url, { reach }) => {
    asked.push(`${reach} ${url}`);
    const client_id = String(url);
    const text = JSON.stringify({ client_id, redirect_uris: ['https://app.example/cb'] });
    return { status: 200, headers: new Headers(), text };
  };
}

test('only a URL in its one spelling, with a path, is fetched; http never in production', async (t) => {
  const asked: string[] = [];
  const { as, browser } = await start(t, { options: { fetch: fakeNetwork(asked) } });
  const redirectUri = 'https://app.example/cb';
  for (const clientId of [
    'https://app.example',
    'https://app.example/',
    'http://app.example/client.json',
    'https://APP.example/client.json',
    'https://app.example:443/client.json',
    'https://user@app.example/client.json',
    'https://app.example/client.json#x',
    'https://app.example/a/../client.json',
    'https://app.example/%2e%2e/client.json',
    'https://app.example/a%2fclient.json',
    'https:/app.example/client.json',
    'ftp://app.example/client.json',
    `https://app.example/${'x'.repeat(2000)}`,
  ]) {
    const page = await browser.open(authorizeUrl(as.url, { clientId, redirectUri }));
    assert.equal(page.status, 400, clientId);
  }
  assert.deepEqual(asked, []);
  await authorize(browser, { clientId: 'https://app.example/client.json', redirectUri });
  assert.deepEqual(asked, ['loopback-too https://app.example/client.json']);
});

test('in production, documents come from public https alone', async (t) => {
  const asked: string[] = [];
  const as = await startAuthorizationServer({
    options: { fetch: fakeNetwork(asked), publicUrl: () => 'https://gateway.example' },
  });
  t.after(() => as.close());
  for (const clientId of ['http://127.0.0.1:1/client.json', 'https://app.example/client.json']) {
    const url = authorizeUrl('https://gateway.example', { clientId, redirectUri: 'https://app.example/cb' });
    await fetch(as.url + url.slice('https://gateway.example'.length), { redirect: 'manual' });
  }
  assert.deepEqual(asked, ['public https://app.example/client.json']);
});

test('an operator says which domains may have clients', async (t) => {
  const asked: string[] = [];
  const metadataDocuments = { domains: ['good.example', 'app.test'], deniedDomains: ['Bad.Good.Example'] };
  const oauth = { clients: { metadataDocuments } };
  const { as, browser } = await start(t, { oauth, options: { fetch: fakeNetwork(asked) } });
  const redirectUri = 'https://app.example/cb';
  const isAccepted = async (host: string): Promise<boolean> =>
    (await browser.open(authorizeUrl(as.url, { clientId: `https://${host}/c.json`, redirectUri }))).status === 200;
  for (const [host, accepted] of [
    ['good.example', true],
    ['www.good.example', true],
    ['app.test', true],
    ['bad.good.example', false],
    ['x.bad.good.example', false],
    ['evilgood.example', false],
    ['good.example.evil.example', false],
  ] as const) {
    assert.equal(await isAccepted(host), accepted, host);
  }
  assert.equal(asked.length, 3);
});

test('documents can be switched off, and metadata says so', async (t) => {
  const host = await startHost(t);
  const { as, browser } = await start(t, { oauth: { clients: { metadataDocuments: { enabled: false } } } });
  const page = await browser.open(authorizeUrl(as.url, { clientId: `${host.url}/client.json` }));
  assert.deepEqual([page.status, host.hits], [400, 0]);
  const metadata = await (await fetch(`${as.url}/.well-known/oauth-authorization-server`)).json();
  assert.equal((metadata as Record<string, unknown>).client_id_metadata_document_supported, false);
});

test('one address names a limited number of new documents, and one request serves all who wait', async (t) => {
  const asked: string[] = [];
  const fetch: typeof safeFetch = async (url) => {
    asked.push(String(url));
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw new SafeFetchError('unreachable', 'nobody there');
  };
  const { as } = await start(t, { oauth: { clients: { registrationsPerHour: 10 } }, options: { fetch } });
  const name = (clientId: string) =>
    globalThis.fetch(authorizeUrl(as.url, { clientId, redirectUri: 'https://x.example/' }));
  await Promise.all(Array.from({ length: 8 }, () => name('https://app.example/same.json')));
  assert.equal(asked.length, 1);
  for (let i = 0; i < 20; i++) await name(`https://app.example/${i}.json`);
  assert.ok(asked.length <= 10, `${asked.length}`);
});
