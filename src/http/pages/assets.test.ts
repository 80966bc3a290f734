import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fastify as createFastify } from 'fastify';
import { assetRoutes, ICON_PATH, STYLESHEET_PATH } from './assets.ts';
import { html } from './html.ts';
import { layout } from './layout.ts';
import { sendPage } from './send-page.ts';

const fastify = createFastify();
assetRoutes(fastify);
fastify.get('/page', (_request, reply) => sendPage(reply, layout({ title: 'T', body: html`<h1>T</h1>` }), 201));

test('a page is never cached, framed or sniffed, and allows nothing but our stylesheet and images', async () => {
  const { statusCode, headers, body } = await fastify.inject('/page');
  assert.equal(statusCode, 201);
  const policy = String(headers['content-security-policy']);
  assert.match(policy, /^default-src 'none'; /);
  for (const part of ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "style-src 'self'"]) {
    assert.ok(policy.split('; ').includes(part), part);
  }
  assert.doesNotMatch(policy, /unsafe|script|\*/);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['x-frame-options'], 'DENY');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['referrer-policy'], 'same-origin');
  assert.ok(body.includes(STYLESHEET_PATH) && body.includes(ICON_PATH));
});

test('assets are kept for ever under a name that changes with their content', async () => {
  assert.match(STYLESHEET_PATH, /^\/assets\/toolgate\.[0-9a-f]{12}\.css$/);
  for (const [path, type] of [
    [STYLESHEET_PATH, 'text/css; charset=utf-8'],
    [ICON_PATH, 'image/svg+xml'],
  ] as const) {
    const { statusCode, headers } = await fastify.inject(path);
    assert.equal(statusCode, 200);
    assert.equal(headers['content-type'], type);
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
});

test('nothing else can be read below /assets/', async () => {
  for (const path of ['/assets/', '/assets/toolgate.css', '/assets/../package.json', '/assets/__proto__']) {
    assert.equal((await fastify.inject(path)).statusCode, 404, path);
  }
});
