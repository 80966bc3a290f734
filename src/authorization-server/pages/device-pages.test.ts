import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceConfirmPage } from './device-confirm-page.ts';
import { deviceDonePage } from './device-done-page.ts';
import { devicePage } from './device-page.ts';

const client = { id: 'cl_1', name: 'Claude', verifiedHost: null, source: 'registered' } as const;
const readable = (page: object): string =>
  String(page)
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/\s+/g, ' ');

test('before a device is connected its owner sees the code, the client, the address and the scopes, and is warned', () => {
  const page = deviceConfirmPage({
    action: '/oauth/device',
    csrf: 'token',
    user: { name: 'ann' },
    switchAccountHref: '/sign-in',
    userCode: 'WDJB-MJHT',
    client,
    address: '203.0.113.9',
    place: 'first seen',
    resource: { title: 'Example Tools', url: 'https://mcp.example.com/mcp' },
    upstreams: [{ name: 'jira', title: 'Jira' }],
    scopes: [{ scope: 'mcp', text: 'Use every tool' }],
  });
  const text = readable(page);
  assert.match(text, /Is this your device\? Only continue if you started this/);
  assert.match(text, /If somebody sent you the code, deny\./);
  assert.match(text, /Code WDJB-MJHT An unverified program calls itself “Claude”/);
  assert.match(text, /Asks from ?203\.0\.113\.9 first seen To use ?Example Tools as you It could Use every tool/);
  assert.match(text, /Signed in as ann/);
  assert.match(String(page), /<input type="hidden" name="user_code" value="WDJB-MJHT">/);
});

test('a code that came with the link is filled in and still has to be sent', () => {
  const page = String(devicePage({ action: '/oauth/device', csrf: 'token', userCode: 'WDJB-MJHT' }));
  assert.match(page, /name="user_code"[^>]* value="WDJB-MJHT"/);
  assert.doesNotMatch(page, /http-equiv/);
  assert.match(page, /Never type a code that somebody sent you/);
});

test('the last page says what happened, and to whom', () => {
  assert.match(
    readable(deviceDonePage({ allowed: true, client })),
    /Device connected .*the program that calls itself “Claude”/,
  );
  assert.match(readable(deviceDonePage({ allowed: false, client })), /Access denied Nothing was granted/);
});
