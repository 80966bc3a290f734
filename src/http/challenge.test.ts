import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';
import { challengeFor } from './challenge.ts';

const resourceMetadata = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';

test('without a credential the challenge names no error', () => {
  assert.equal(
    challengeFor(new AppError('credential_missing'), { resourceMetadata }),
    `Bearer realm="toolgate", resource_metadata="${resourceMetadata}"`,
  );
});

test('an invalid credential is told so, with the reason and the metadata', () => {
  assert.equal(
    challengeFor(new AppError('credential_invalid', 'The key has expired.'), { resourceMetadata }),
    `Bearer realm="toolgate", error="invalid_token", error_description="The key has expired.", resource_metadata="${resourceMetadata}"`,
  );
});

test('all scopes stand in one parameter; what is no scope token is left out', () => {
  const challenge = challengeFor(new AppError('credential_missing'), {
    resourceMetadata,
    scopes: ['tools:read', 'a b', 'x"y', 'tools:call', '', 'ü'],
  });
  assert.match(challenge, /, scope="tools:read tools:call", /);
  assert.doesNotMatch(challengeFor(new AppError('credential_missing'), { resourceMetadata, scopes: [] }), /scope=/);
});

const HOSTILE: readonly [text: string, expected: string][] = [
  ['a "quoted" word', "a 'quoted' word"],
  ['back\\slash', 'back/slash'],
  ['code `x`', "code 'x'"],
  ['line\r\nSet-Cookie: a=b', 'line??Set-Cookie: a=b'],
  ['nul\0 esc\u001b[2J', 'nul? esc?[2J'],
  ['more… – − ü 😀', 'more... - - ? ?'],
  ['", error="none', "', error='none"],
];
for (const [text, expected] of HOSTILE) {
  test(`the description ${JSON.stringify(text)} cannot leave its quotes or its line`, () => {
    const challenge = challengeFor(new AppError('credential_invalid', text), { resourceMetadata });
    assert.ok(challenge.includes(`error_description="${expected}", resource_metadata=`), challenge);
    assert.match(challenge, /^[\x20-\x7e]*$/);
  });
}

test('quotes in the metadata URL are escaped', () => {
  const challenge = challengeFor(new AppError('credential_missing'), { resourceMetadata: 'https://x/"\\\r\n' });
  assert.ok(challenge.endsWith('resource_metadata="https://x/\\"\\\\??"'), challenge);
});

test('every code of the catalog gives a header that node:http accepts', async () => {
  const { validateHeaderValue } = await import('node:http');
  for (const code of Object.keys(CATALOG) as ErrorCode[]) {
    validateHeaderValue('www-authenticate', challengeFor(new AppError(code), { resourceMetadata }));
  }
});
