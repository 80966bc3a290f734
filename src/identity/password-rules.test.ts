import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordFault } from './password-rules.ts';

const NAME = 'ann@example.org';

test('passwords that are guessed first are refused, with what to do instead', () => {
  for (const password of [
    'short-one',
    'password1234',
    'Passw0rd!2345',
    'P@$$w0rd_P@$$w0rd',
    'qwertyuiop12',
    'letmein_letmein',
    'Summer2026!!!',
    'toolgate-admin',
    '123456789012',
    '0000-0000-0000',
    'aaaaaaaaaaaa',
    'abababababab',
    'ann@example.org',
    'Ann@Example.org1',
    'x'.repeat(257),
  ]) {
    assert.match(passwordFault(password, NAME) ?? `"${password}" was taken`, /Choose/);
  }
});

test('phrases and generated passwords are taken, in any script', () => {
  for (const password of [
    'correct horse battery staple',
    'geheimnisvolle Wolke',
    '9f8s7df98s7df',
    '83#2!79&41*%a9',
    'X4vq-Ru7m-Zt2k',
    '日本語のパスワードはながい',
    'пароль из четырёх слов',
    '🦊🐻🐼🐨🦁🐯🐮🐷🐸🐵🐔🐧',
  ]) {
    assert.equal(passwordFault(password, NAME), null, password);
  }
});

test('a length is counted in characters, as people do', () => {
  assert.match(passwordFault('🦊🐻🐼🐨🦁🐯', NAME)!, /too short/);
});
