import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oauthSettings } from '../../test/fakes/oauth-settings.ts';
import { httpUpstream, stdioUpstream } from '../../test/fakes/upstream-call.ts';
import { AppError } from '../errors/app-error.ts';
import type { UpstreamOauthAuth } from '../model/upstream.ts';
import { explainFailure } from './explain-failure.ts';
import { MissingReference } from './resolve-references.ts';
import type { TestStage } from './test-upstream.ts';

const OF_THE_NETWORK = /URL|host|port|listens|connect|TLS|http/i;
const unavailable = (message: string, cause?: unknown) => new AppError('upstream_unavailable', message, { cause });

test('what is said about a program is about the program, whatever went wrong', () => {
  const rows: [AppError, RegExp][] = [
    [new AppError('upstream_timeout'), /standard output/],
    [unavailable('The program of "notes" could not be started (ENOENT).'), /full path of `command`/],
    [unavailable('The program of "notes" could not be started (EACCES).'), /permissions/],
    [unavailable('The program of "notes" exited with code 1.'), /Run the command by hand/],
    [unavailable('It broke.', Object.assign(new Error('pipe'), { code: 'ECONNRESET' })), /Run the command by hand/],
    [unavailable('…', new MissingReference('vault', 'token')), /^Store it: toolgate upstream credential fake token$/],
    [unavailable('…', new MissingReference('env', 'TOKEN')), /where the gateway is started/],
  ];
  for (const [error, expected] of rows) {
    const { advice } = explainFailure(stdioUpstream([]), 'handshake', error);
    assert.match(advice!, expected);
    assert.doesNotMatch(advice!, OF_THE_NETWORK);
  }
  const slow = explainFailure(stdioUpstream([]), 'lists', new AppError('upstream_timeout')).advice;
  assert.match(slow!, /raise `timeoutMs`/);
});

test('a server on the network that is silent after the connection gets advice about its URL', () => {
  const { advice } = explainFailure(httpUpstream('http://127.0.0.1/'), 'handshake', new AppError('upstream_timeout'));
  assert.match(advice!, /path of the URL/);
});

test('what a token is missing is said by who can bring it, and how', () => {
  const client = { id: 'a', authMethod: 'private_key_jwt' } as const;
  const adviceFor = (kind: UpstreamOauthAuth['kind'], stage: TestStage, error: AppError) => {
    const upstream = httpUpstream('https://a.example', { auth: { kind, oauth: oauthSettings({ client }) } });
    return explainFailure(upstream, stage, error).advice ?? '';
  };
  const required = new AppError('connection_required');
  assert.match(adviceFor('oauth-shared', 'credential', required), /connection connect fake --shared$/);
  assert.match(adviceFor('oauth-per-user', 'credential', required), /connection connect fake$/);
  assert.match(adviceFor('oauth-shared', 'credential', new AppError('connection_stopped')), /connection show fake/);
  const secret = new AppError('upstream_credential_missing');
  assert.match(adviceFor('client-credentials', 'credential', secret), /upstream credential fake client-key$/);
  const rejected = new AppError('upstream_credential_rejected');
  assert.match(adviceFor('oauth-per-user', 'handshake', rejected), /`scopes`.*connect it again/);
  assert.doesNotMatch(adviceFor('client-credentials', 'handshake', rejected), /connect it/);
  assert.equal(adviceFor('client-credentials', 'credential', rejected), '', 'the failure itself says what to do');
  const far = Object.assign(new Error('no'), { code: 'address_not_allowed' });
  assert.match(adviceFor('oauth-shared', 'provider', unavailable('…', far)), /`reach: loopback`/);
});
