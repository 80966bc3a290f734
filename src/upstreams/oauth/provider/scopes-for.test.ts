import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oauthSettings } from '../../../../test/fakes/oauth-settings.ts';
import type { Challenge } from './challenge.ts';
import { PRESETS } from './presets.ts';
import type { Provider } from './provider.ts';
import { ProviderFailure } from './provider-failure.ts';
import { type ScopesOptions, scopesFor } from './scopes-for.ts';

const challenge = (...scopes: string[]): Challenge => ({ status: 403, resourceMetadata: null, scopes, error: null });

const provider = (
  changes: { challenge?: string[]; supported?: string[]; listed?: string[] | undefined } = {},
): Provider => ({
  issuer: 'https://idp.example',
  server: { issuer: 'https://idp.example', ...(changes.listed && { scopes_supported: changes.listed }) },
  resource: null,
  scopes: { challenge: changes.challenge ?? null, supported: changes.supported ?? null },
  via: '',
});

const scopes = (changes: Partial<ScopesOptions>) =>
  scopesFor({ oauth: oauthSettings(), preset: null, provider: provider(), challenge: null, granted: [], ...changes });

test('what the upstream asks for comes first, then all that it lists, then what the preset knows, then none', () => {
  const full = provider({ challenge: ['a'], supported: ['b', 'c'] });
  assert.deepEqual(scopes({ provider: full, challenge: challenge('now') }), ['now']);
  assert.deepEqual(scopes({ provider: full }), ['a']);
  assert.deepEqual(scopes({ provider: full, challenge: challenge() }), ['a']);
  assert.deepEqual(scopes({ provider: provider({ supported: ['b', 'c'] }) }), ['b', 'c']);
  assert.deepEqual(scopes({ preset: PRESETS.google! }), ['openid', 'email']);
  assert.deepEqual(scopes({}), []);
});

test('a step-up keeps what was granted and adds what is asked for, not what is merely listed', () => {
  const known = provider({ supported: ['profile'] });
  assert.deepEqual(scopes({ provider: known, challenge: challenge('write'), granted: ['read'] }), ['read', 'write']);
  assert.deepEqual(scopes({ provider: known, challenge: challenge('read'), granted: ['read'] }), ['read']);
});

test('the settings are a limit that no challenge lifts', () => {
  const oauth = oauthSettings({ scopes: ['read'] });
  const known = provider({ challenge: ['a'], supported: ['b'] });
  assert.deepEqual(scopes({ oauth, provider: known, challenge: challenge('admin'), granted: ['write'] }), ['read']);
  assert.deepEqual(scopes({ oauth: oauthSettings({ scopes: [] }), provider: known }), []);
});

test('offline_access is asked for where the provider lists it, and the settings do not say which scopes', () => {
  const listing = provider({ supported: ['read'], listed: ['read', 'offline_access'] });
  assert.deepEqual(scopes({ provider: listing }), ['read', 'offline_access']);
  assert.deepEqual(scopes({ provider: listing, oauth: oauthSettings({ scopes: ['x'] }) }), ['x']);
  const both = oauthSettings({ scopes: ['x', 'offline_access'] });
  assert.deepEqual(scopes({ provider: listing, oauth: both }), ['x', 'offline_access']);
  const asking = { challenge: ['read', 'offline_access'] };
  assert.deepEqual(scopes({ provider: provider({ ...asking, listed: ['read'] }) }), ['read']);
  assert.deepEqual(scopes({ provider: provider(asking) }), ['read']);
  const oauth = oauthSettings({ scopes: ['read', 'offline_access'] });
  assert.deepEqual(scopes({ oauth, provider: provider({ listed: ['read'] }) }), ['read']);
  assert.deepEqual(scopes({ oauth }), ['read', 'offline_access'], 'where nothing is listed, the settings count');
});

test('read-only asks for what only reads, also when the upstream asks for more', () => {
  const oauth = oauthSettings({ readOnly: true });
  const wanting = (...names: string[]) => ({ oauth, challenge: challenge(...names) });
  assert.deepEqual(scopes({ ...wanting('repo'), preset: PRESETS.github! }), ['read:org', 'read:user']);
  assert.ok(!scopes({ oauth, preset: PRESETS.slack! }).includes('chat:write'));
  const drive = 'https://www.googleapis.com/auth/drive';
  const google = { ...wanting(drive, `${drive}.readonly`, 'openid'), preset: PRESETS.google! };
  assert.deepEqual(scopes(google), [`${drive}.readonly`, 'openid']);
  const jira = provider({ supported: ['read:jira-work', 'write:jira-work'] });
  assert.deepEqual(scopes({ oauth, provider: jira, preset: PRESETS.atlassian! }), ['read:jira-work']);
  const granted = ['read:me', 'write:jira-work'];
  assert.deepEqual(scopes({ oauth, provider: jira, preset: PRESETS.atlassian!, granted }), [
    'read:me',
    'read:jira-work',
  ]);
});

test('read-only is refused where nobody knows what that is, instead of asking for everything', () => {
  const oauth = oauthSettings({ readOnly: true });
  for (const preset of [null, PRESETS.entra!, PRESETS.atlassian!]) {
    assert.throws(
      () => scopes({ oauth, preset, challenge: challenge('write:all') }),
      (error) =>
        error instanceof ProviderFailure && error.kind === 'invalid_scope' && /Set `scopes`/.test(error.message),
    );
  }
});
