import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TokenHealth, tokenReport } from './token-health.ts';
import type { UpstreamView } from './upstream-status.ts';

const of = (kind: UpstreamView['auth']['kind'], tokens: Partial<TokenHealth> | null, enabled = true) =>
  tokenReport({
    ...{ name: 'up', source: 'file', transport: 'http', enabled, auth: { kind }, status: null },
    tokens: tokens === null ? null : { states: {}, expiresAt: null, lastError: null, ...tokens },
  });

test('a shared account says whether it works, and which command makes it work', () => {
  const connect = 'toolgate connection connect up';
  const rows: [states: TokenHealth['states'], text: RegExp, isTrouble: boolean, fix: string | null][] = [
    [{}, /not connected yet, so nobody can call it/, true, connect],
    [{ connected: 1 }, /is connected\./, false, null],
    [{ needs_reauth: 1 }, /connect it again/, true, connect],
    [{ needs_scopes: 1 }, /connect it again to allow that/, true, connect],
    [{ failing: 1 }, /does not answer/, true, 'toolgate connection show up'],
    [{ changed_issuer: 1 }, /another authorization server/, true, 'toolgate connection show up'],
  ];
  for (const [states, text, isTrouble, fix] of rows) {
    const report = of('oauth-shared', { states })!;
    assert.match(report.text, text);
    assert.deepEqual([report.isTrouble, report.fix], [isTrouble, fix], report.text);
  }
});

test('accounts of people are counted; what each does for themselves is no trouble of the operator', () => {
  assert.deepEqual(of('oauth-per-user', {}), {
    text: 'Nobody has connected an account yet.',
    isTrouble: false,
    fix: null,
  });
  assert.deepEqual(of('oauth-per-user', { states: { connected: 3, needs_reauth: 1 } }), {
    text: 'Accounts: 3 connected, 1 needs to reconnect.',
    isTrouble: false,
    fix: null,
  });
  const stopped = { connected: 0, needs_reauth: 1, needs_scopes: 1, failing: 2, changed_issuer: 1 };
  assert.deepEqual(of('oauth-per-user', { states: stopped }), {
    text: 'Accounts: 0 connected, 2 need to reconnect, 2 whose provider does not answer, 1 stopped, as it names another authorization server than before.',
    isTrouble: true,
    fix: 'toolgate connection list --upstream up',
  });
});

test('tokens that nobody connects say until when they are good, and why there are none', () => {
  const expiresAt = Date.UTC(2027, 0, 31, 12);
  assert.match(of('client-credentials', {})!.text, /no token yet/);
  assert.equal(
    of('client-credentials', { states: { working: 1 }, expiresAt })!.text,
    'The gateway has a token until 2027-01-31 12:00Z.',
  );
  const lastError = { message: '"up" gets no token. \u001b[31mNo.', at: 1 };
  assert.deepEqual(of('client-credentials', { states: { failing: 1 }, lastError }), {
    text: 'The gateway gets no token. "up" gets no token. \\u001b[31mNo.',
    isTrouble: true,
    fix: 'toolgate upstream test up',
  });
  assert.match(of('token-exchange', {})!.text, /No tokens yet/);
  assert.deepEqual(
    of('token-exchange', { states: { working: 2, failing: 1, needs_sign_in: 3 }, lastError })!.text,
    [
      'Tokens: 2 in use, 1 not to be had, 3 waiting for the person to sign in.',
      '"up" gets no token. \\u001b[31mNo.',
    ].join(' '),
  );
  assert.equal(of('token-exchange', { states: { working: 2, needs_sign_in: 1 } })!.isTrouble, false);
});

test('an upstream without tokens, or that is switched off, says nothing of them', () => {
  assert.equal(of('headers', null), null);
  assert.equal(of('oauth-shared', {}, false), null);
});
