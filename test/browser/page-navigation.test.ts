/** Where forms may lead: what `form-action` refuses in a real browser, and how a flow leaves the gateway nevertheless. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import type { Browser } from 'playwright-core';
import { grantedPage } from '../../src/authorization-server/pages/granted-page.ts';
import { html } from '../../src/http/pages/html.ts';
import { layout } from '../../src/http/pages/layout.ts';
import { sendPage } from '../../src/http/pages/send-page.ts';
import { openBrowser } from './open-browser.ts';
import { servePages } from './page-server.ts';

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

const form = (action: string) => () =>
  layout({
    title: 'Form',
    body: html`<h1>Form</h1><form method="post" action="${action}"><button>Send</button></form>`,
  });

const callback = (fastify: FastifyInstance): void => {
  fastify.get('/callback', (_request, reply) => reply.type('text/html').send('<h1>Back at the client</h1>'));
  fastify.post('/callback', (_request, reply) => reply.type('text/html').send('<h1>Stolen</h1>'));
};

/** Sends the form at `url` and says where the browser is when everything has come to rest. */
async function send(url: string): Promise<{ url: string; referrer: unknown; origin: string | undefined }> {
  const page = await browser.newPage();
  try {
    let origin: string | undefined;
    page.on('request', (request) => {
      if (request.method() === 'POST') origin = request.headers().origin;
    });
    await page.goto(url);
    await page.getByRole('button').click({ noWaitAfter: true });
    await page.waitForLoadState('networkidle');
    return { url: page.url(), referrer: await page.evaluate('document.referrer'), origin };
  } finally {
    await page.close();
  }
}

test('a form cannot be sent to another origin', async () => {
  await using client = await servePages({}, callback);
  await using gateway = await servePages({ form: form(`${client.origin}/callback`) });
  assert.equal((await send(`${gateway.origin}/form`)).url, `${gateway.origin}/form`);
});

test('the answer to a form that is a redirect to another origin is refused, also over a path of our own', async () => {
  await using client = await servePages({}, callback);
  await using gateway = await servePages({ form: form('/answer'), over: form('/over') }, (fastify) => {
    fastify.post('/answer', (_request, reply) => reply.redirect(`${client.origin}/callback`, 303));
    fastify.post('/over', (_request, reply) => reply.redirect('/resume', 303));
    fastify.get('/resume', (_request, reply) => reply.redirect(`${client.origin}/callback`, 303));
  });
  for (const name of ['form', 'over']) {
    assert.equal((await send(`${gateway.origin}/${name}`)).url, `${gateway.origin}/${name}`);
  }
});

test('the page after a decision leads back to the client, which does not learn from where', async () => {
  await using client = await servePages({}, callback);
  await using gateway = await servePages({ form: form('/answer') }, (fastify) => {
    fastify.post('/answer', (_request, reply) => sendPage(reply, grantedPage({ href: '/resume', allowed: true })));
    fastify.get('/resume', (_request, reply) => reply.redirect(`${client.origin}/callback`, 303));
  });
  assert.deepEqual(await send(`${gateway.origin}/form`), {
    url: `${client.origin}/callback`,
    referrer: '',
    origin: gateway.origin,
  });
});
