import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, verifyPassword } from './password-hash.ts';

test('a password is right for its own hash alone, however its letters are composed', async () => {
  const stored = await hashPassword('Zoë wohnt am Fluß');
  assert.match(stored, /^\$scrypt\$ln=17,r=8,p=1\$/);
  assert.equal(await verifyPassword('Zoë wohnt am Fluß', stored), true);
  assert.equal(await verifyPassword('Zoe\u0308 wohnt am Fluß', stored), true);
  assert.equal(await verifyPassword('zoë wohnt am fluß', stored), false);
  assert.notEqual(await hashPassword('Zoë wohnt am Fluß'), stored, 'salted');
});

test('without a hash, or with one that cannot be read, no password is right', async () => {
  for (const stored of [
    null,
    '',
    'plain',
    '$scrypt$ln=31,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$',
    '$scrypt$ln=0,r=0,p=0$a$b',
  ]) {
    assert.equal(await verifyPassword('', stored), false);
  }
});

test('a storm of sign-ins is turned away instead of piling up', async () => {
  const cheap = `$scrypt$ln=12,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const storm = await Promise.allSettled(Array.from({ length: 200 }, () => verifyPassword('x', cheap)));
  const refused = storm.filter((one) => one.status === 'rejected').map((one) => (one.reason as { code: string }).code);
  assert.deepEqual(new Set(refused), new Set(['overloaded']));
  assert.ok(refused.length >= 100 && refused.length < 200, String(refused.length));
  assert.equal(await verifyPassword('x', cheap), false, 'and then it goes on');
});
