/** A provider, or an upstream that names one, that is not what it should be: what people get to see and where they are sent. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { requireBrowserUrl } from '../../src/connect/authorization-url.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { type ConnectSite, startConnectSite } from '../connect-site.ts';

const MARKUP = '"><script>window.ran=1</script><img src=x onerror=window.ran=1>';

/** Authorization endpoints that act, lie about where they are, or are meant for a shell. */
const ENDPOINTS = [
  'javascript:alert(1)//',
  'file:///etc/passwd',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:x',
  'ms-calculator:',
  'https://evil.example/$(calc)',
  'https://$(calc).evil.example/authorize',
  'https://evil.example/a?b=$(id)',
  "https://evil.example/';calc;'",
  'https://evil.example/|calc',
  'https://github.com@evil.example/authorize',
  'https://user:pass@evil.example/authorize',
  'https://evil.example/authorize#$(id)',
];

test('a browser is sent to plain http(s) addresses alone', () => {
  for (const endpoint of ENDPOINTS) {
    assert.throws(
      () => requireBrowserUrl(new URL(endpoint)),
      (error) => error instanceof AppError && error.code === 'connect_failed' && !error.message.includes('evil'),
      endpoint,
    );
  }
  for (const endpoint of [
    'https://login.microsoftonline.com/common/oauth2/v2.0/authorize?p=b2c_1a&scope=a%20b&state=x.y-z_~',
    'https://xn--bcher-kva.example:8443/realms/a/protocol/openid-connect/auth?x=%24%28id%29',
    'http://[::1]:8080/authorize',
    'http://127.0.0.1:8080/authorize',
  ]) {
    assert.equal(requireBrowserUrl(new URL(endpoint)).href, endpoint);
  }
});

describe('at the gateway', () => {
  let site: ConnectSite;
  let count = 0;
  before(async () => {
    site = await startConnectSite();
  });
  afterEach(() => {
    site.provider.tamper.metadata = undefined as never;
    site.provider.tamper.callback = undefined as never;
    site.provider.deny = undefined;
  });
  after(() => site[Symbol.asyncDispose]());

  test('an authorization endpoint of such a kind is refused, and neither shown nor linked', async () => {
    for (const endpoint of ENDPOINTS) {
      await using hostile = await startConnectSite();
      hostile.provider.tamper.metadata = (document) => ({ ...document, authorization_endpoint: endpoint });
      const person = await hostile.newPerson('ann');
      const page = await person.browser.get('/connect/docs');
      const answers = [page];
      if (page.status === 200) answers.push(await person.browser.post('/connect/docs', hostile.fieldsOf(page)));
      const last = answers.at(-1)!;
      if (last.status === 200 && endpoint.includes('?')) {
        // The query is written anew, so that what was in it is no more than text.
        assert.match(last.onwards!, /^https:\/\/evil\.example\/a\?b=%24%28id%29&[\w.~%&=*+-]+$/);
        continue;
      }
      assert.equal(last.status, 502, `${endpoint}: ${last.text}`);
      assert.equal(last.onwards, null, endpoint);
      for (const { text } of answers) {
        const links = [...text.matchAll(/(?:href|src|action|url)="?([^"\s>]+)/g)].map(([, target]) => target!);
        for (const target of links) assert.match(target, /^\//, `${endpoint}: ${target}`);
        // Whoever has to repair it may read what it was, in quotes.
        assert.doesNotMatch(text, /<script|="[^"]*(?:javascript:|file:|\$\()/, endpoint);
      }
    }
  });

  test('scopes, accounts and errors that a provider writes are text and nothing else', async () => {
    const person = await site.newPerson(`p${count++}`);
    site.provider.tamper.metadata = (document) => ({ ...document, scopes_supported: [MARKUP, 'mcp:read'] });
    await site.connect(person, '/connect/docs', MARKUP);
    site.provider.deny = 'access_denied';
    site.provider.tamper.callback = (url) => {
      url.searchParams.set('error_description', `${MARKUP}\u202e\u001b[31m`);
      url.searchParams.set('error_uri', 'javascript:alert(1)');
      return url;
    };
    const callback = await site.callbackFor(person, '/connect/wiki');
    for (const path of ['/connect', '/connect/docs', '/connect/docs?again=1', callback]) {
      const { text } = await person.browser.get(path);
      assert.doesNotMatch(text, /<script|<img src=x|="javascript:/, path);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
      assert.doesNotMatch(text, /[\u202e\u001b]/, path);
    }
  });

  test('who was shown one host is not sent to another', async () => {
    const person = await site.newPerson(`p${count++}`);
    const page = await person.browser.get('/connect/wiki');
    const fields = { ...site.fieldsOf(page), host: 'accounts.example' };
    const answer = await person.browser.post('/connect/wiki', fields);
    assert.equal(answer.status, 502);
    assert.equal(answer.onwards, null);
  });
});
