/** Every field of every page in a real browser, filled by somebody who wants a script of theirs to run. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { PAGE_HEADERS } from '../../src/http/pages/page-headers.ts';
import { openBrowser } from './open-browser.ts';
import { servePages } from './page-server.ts';
import { hostilePages, ORDINARY, PAYLOADS } from './sample-pages.ts';

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

const TOUCH_EVERYTHING = `for (const element of document.querySelectorAll('*')) {
  element.focus?.();
  for (const type of ['mouseover', 'input', 'toggle']) element.dispatchEvent(new Event(type, { bubbles: true }));
}`;

/** Opens a page and says what it did that a page without markup of a stranger does not do. */
async function misbehaviour(url: string): Promise<string[]> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const seen: string[] = [];
    const { origin } = new URL(url);
    page.on('dialog', (dialog) => {
      seen.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin && !request.url().startsWith('data:image/')) {
        seen.push(`request to ${request.url()}`);
      }
    });
    await page.addInitScript(
      "addEventListener('securitypolicyviolation', (event) => console.error('refused ' + event.violatedDirective + ' ' + event.blockedURI))",
    );
    page.on('console', (message) => {
      if (message.type() === 'error') seen.push(`console: ${message.text()}`);
    });
    await page.goto(url, { waitUntil: 'load' });
    await page.evaluate(TOUCH_EVERYTHING);
    const ran = await page.evaluate('window.ran');
    if (ran !== undefined) seen.push('a script ran');
    if (page.frames().length !== 1) seen.push('a frame');
    const foreign =
      'script, style, iframe, object, embed, base, svg, [onclick], [onload], [onerror], [onfocus], [style]';
    const elements = await page.locator(foreign).count();
    if (elements > 0) seen.push(`${elements} elements that no page of ours has`);
    return seen;
  } finally {
    await context.close();
  }
}

for (const payload of PAYLOADS) {
  test(`in no field of any page does ${JSON.stringify(payload)} become markup`, async () => {
    const pages = hostilePages(payload);
    await using server = await servePages(pages);
    for (const name of Object.keys(pages).filter((name) => name !== 'continue')) {
      assert.deepEqual(await misbehaviour(`${server.origin}/${name}`), [], name);
    }
  });
}

/** What the headers stop when escaping has failed: a page that holds a payload raw. */
const RAW = [
  '<script>window.ran=1</script>',
  '<img src=x onerror=window.ran=1>',
  '<svg onload=window.ran=1></svg>',
  '<iframe srcdoc="<script>parent.window.ran=1</script>"></iframe>',
  '<input autofocus onfocus=window.ran=1>',
  '<script src="/own.js"></script>',
];

for (const payload of RAW) {
  test(`should ${payload} ever stand in a page, the browser still refuses to run it`, async () => {
    await using server = await servePages({}, (fastify) => {
      fastify.get('/raw', (_request, reply) => reply.headers(PAGE_HEADERS).send(`<!doctype html><p>${payload}`));
      fastify.get('/own.js', (_request, reply) => reply.type('text/javascript').send('window.ran=1'));
      fastify.get('/unprotected', (_request, reply) => reply.type('text/html').send(`<!doctype html><p>${payload}`));
    });
    assert.ok((await misbehaviour(`${server.origin}/unprotected`)).includes('a script ran'), 'the payload works');
    assert.ok(!(await misbehaviour(`${server.origin}/raw`)).includes('a script ran'));
  });
}

test('no page can be shown in a frame, of its own origin or of another', async () => {
  const frames = (origin: string) => (name: string) => `<iframe src="${origin}/${name}"></iframe>`;
  const names = Object.keys(ORDINARY);
  await using server = await servePages(ORDINARY, (fastify) => {
    fastify.get('/framing', (request, reply) =>
      reply.type('text/html').send(names.map(frames(`http://${request.headers.host}`)).join('')),
    );
  });
  await using other = await servePages({}, (fastify) => {
    fastify.get('/framing', (_request, reply) =>
      reply.type('text/html').send(names.map(frames(server.origin)).join('')),
    );
    fastify.get('/framable', (_request, reply) => reply.type('text/html').send('<h1>Here</h1>'));
    fastify.get('/control', (_request, reply) => reply.type('text/html').send('<iframe src="/framable"></iframe>'));
  });
  const page = await browser.newPage();
  try {
    await page.goto(`${other.origin}/control`, { waitUntil: 'load' });
    assert.equal(await page.frames()[1]!.locator('h1').count(), 1, 'a page that allows it is shown in a frame');
    for (const origin of [server.origin, other.origin]) {
      await page.goto(`${origin}/framing`, { waitUntil: 'load' });
      const shown = page.frames().slice(1);
      assert.equal(shown.length, names.length);
      for (const frame of shown) {
        assert.equal(frame.url(), 'chrome-error://chromewebdata/');
        assert.equal(await frame.locator('form, h1:not(:has(span))').count(), 0);
      }
    }
  } finally {
    await page.close();
  }
});
