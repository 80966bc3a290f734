import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metadataUrls } from './issuer-keys.ts';

for (const [issuer, ...expected] of [
  [
    'https://idp.example',
    'https://idp.example/.well-known/openid-configuration',
    'https://idp.example/.well-known/oauth-authorization-server',
  ],
  [
    'https://idp.example/',
    'https://idp.example/.well-known/openid-configuration',
    'https://idp.example/.well-known/oauth-authorization-server',
  ],
  [
    'https://idp.example/realms/a',
    'https://idp.example/realms/a/.well-known/openid-configuration',
    'https://idp.example/.well-known/oauth-authorization-server/realms/a',
  ],
] as const) {
  test(`the metadata of ${issuer} is where OpenID Connect and RFC 8414 put it`, () =>
    assert.deepEqual(metadataUrls(issuer), expected));
}
