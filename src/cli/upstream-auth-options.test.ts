import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { AUTH_OPTIONS, type AuthOptions, authFrom } from './upstream-auth-options.ts';

function authOf(...options: string[]): unknown {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const option of AUTH_OPTIONS) command.addOption(option);
  return authFrom(command.parse(options, { from: 'user' }).opts<AuthOptions>());
}

test('each way to a credential becomes the `auth` that the API takes, with nothing in it that was not said', () => {
  assert.deepEqual(authOf(), { kind: 'none' });
  assert.deepEqual(authOf('--header', 'A,B'), { kind: 'headers', names: ['A', 'B'] });
  assert.deepEqual(authOf('--user-header', 'A'), { kind: 'headers-per-user', names: ['A'] });
  assert.deepEqual(authOf('--oauth', 'user'), { kind: 'oauth-per-user', oauth: {} });
  assert.deepEqual(authOf('--oauth', 'shared', '--preset', 'slack', '--read-only'), {
    kind: 'oauth-shared',
    oauth: { preset: 'slack', readOnly: true },
  });
  const many = [
    '--issuer',
    'https://as.example',
    '--client-id',
    'a',
    '--scope',
    'x,y',
    '--no-resource',
    '--reach',
    'internal',
  ];
  assert.deepEqual(authOf('--oauth', 'user', ...many), {
    kind: 'oauth-per-user',
    oauth: {
      issuer: 'https://as.example',
      client: { id: 'a', authMethod: 'client_secret_basic' },
      scopes: ['x', 'y'],
      sendResource: false,
      reach: 'internal',
    },
  });
  assert.deepEqual(authOf('--client-credentials', '--client-id', 'a', '--client-auth', 'private_key_jwt'), {
    kind: 'client-credentials',
    oauth: { client: { id: 'a', authMethod: 'private_key_jwt' } },
  });
  const client = { id: 'a', authMethod: 'client_secret_basic' };
  assert.deepEqual(authOf('--token-exchange', '--client-id', 'a', '--audience', 'api'), {
    kind: 'token-exchange',
    oauth: { client, exchange: { grant: 'token-exchange', audience: 'api' } },
  });
  assert.deepEqual(authOf('--id-jag', '--client-id', 'a', '--identity-provider', 'acme'), {
    kind: 'token-exchange',
    oauth: { client, exchange: { grant: 'id-jag', subject: 'identity-provider', provider: 'acme' } },
  });
});

test('options that do not fit together are refused by name before anything is sent', () => {
  const rows: [string[], RegExp][] = [
    [['--header', 'A', '--user-header', 'B'], /Give one of --header and --user-header/],
    [['--oauth', 'user', '--client-credentials'], /Give one of --oauth and --client-credentials/],
    [['--preset', 'slack'], /--preset goes with --oauth/],
    [['--header', 'A', '--no-resource'], /--no-resource goes with --oauth/],
    [['--oauth', 'user', '--client-auth', 'none'], /--client-auth goes with --client-id/],
    [['--client-credentials'], /Add --client-id/],
    [['--client-credentials', '--client-id', 'a', '--client-auth', 'none'], /other than none/],
    [['--token-exchange'], /add its --client-id/],
    [['--id-jag', '--identity-provider', 'acme'], /add its --client-id/],
    [['--oauth', 'user', '--audience', 'api'], /--audience goes with --token-exchange/],
    [['--oauth', 'everybody'], /Allowed choices are user, shared/],
  ];
  for (const [options, expected] of rows)
    assert.throws(() => authOf(...options), { message: expected }, options.join(' '));
});
