import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';
import { checkOneSite } from './check-one-site.ts';

const provider = (authorization: string, token: string, iss = false) => ({
  issuer: 'https://as.example',
  server: {
    issuer: 'https://as.example',
    authorization_endpoint: `https://${authorization}/authorize`,
    token_endpoint: `https://${token}/token`,
    ...(iss && { authorization_response_iss_parameter_supported: true }),
  },
  resource: null,
  scopes: { challenge: null, supported: null },
  via: 'a test',
});

test('codes go to where people agreed, or to a neighbour of it', () => {
  for (const [authorization, token] of [
    ['as.example', 'as.example'],
    ['account.box.com', 'api.box.com'],
    ['box.com', 'api.box.com'],
    ['login.eu.corp.example', 'api.corp.example'],
    ['mcp.atlassian.com', 'cf.mcp.atlassian.com'],
    ['login.bank.co.uk', 'api.bank.co.uk'],
    ['127.0.0.1:8080', '127.0.0.1:8080'],
    ['localhost:8080', 'localhost:8081'],
  ] as const) {
    checkOneSite(provider(authorization, token));
  }
});

test('whoever names the authorization endpoint of somebody else gets nobody’s code', () => {
  for (const [authorization, token] of [
    ['honest.example', 'evil.example'],
    ['honest.co.uk', 'evil.co.uk'],
    ['honest.example', 'honest.example.evil.example'],
    ['login.honest.com', 'honest.com.evil.com'],
    ['127.0.0.1:8080', '127.0.0.1:8081'],
    ['127.0.0.1', '127.0.0.2'],
  ] as const) {
    assert.throws(() => checkOneSite(provider(authorization, token)), failsAs('metadata', /set `issuer`/));
    checkOneSite(provider(authorization, token, true));
  }
});
