import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { recordingSink } from '../../test/fakes/upstream-call.ts';
import { AppError } from '../errors/app-error.ts';
import { Secret } from '../lib/secret.ts';
import { cleanSink, searchFor, searchForCredential } from './without-secrets.ts';

/** Sends the text in these pieces, and returns what came out. */
function clean(secrets: readonly string[], text: string, cuts: readonly number[] = []): string {
  const { sink, text: received } = recordingSink();
  const cleaned = cleanSink({ ...sink, end: () => {} }, searchFor(secrets));
  cleaned.head(200, 'json');
  const bytes = Buffer.from(text);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < at.length; i++) cleaned.data(bytes.subarray(at[i - 1], at[i]));
  cleaned.end();
  return received();
}

const SECRET = 'tok/en "with" ünusual=marks';

test('a secret is taken out wherever it stands, in the forms in which programs write it', () => {
  for (const form of [
    SECRET,
    JSON.stringify(SECRET).slice(1, -1),
    encodeURIComponent(SECRET),
    Buffer.from(SECRET).toString('base64'),
  ]) {
    assert.doesNotMatch(clean([SECRET], `a ${form} b ${form}${form} c`), /unusual|marks|tok|dG9r/);
  }
  assert.equal(clean(['12345678'], 'a12345678b'), 'a[redacted]b');
  assert.equal(clean(['abcdefgh', 'abcdefghij'], 'abcdefghij abcdefgh'), '[redacted] [redacted]');
});

test('however an answer is cut into chunks, the same comes out, and nothing else of it changes', () => {
  // One begins another, and one stands inside another.
  const secrets = ['aabaabaa', 'aabaabaabbb', 'abaabaab', 'bbbbbbbbbb', 'aaaaaaaaaaaaab'];
  // Of few letters, so that beginnings of secrets are everywhere.
  const piece = fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', 'é') }), fc.constantFrom(...secrets));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (pieces, cuts) => {
      const text = pieces.join('x');
      const whole = clean(secrets, text);
      assert.equal(clean(secrets, text, cuts), whole);
      for (const secret of secrets) assert.ok(!whole.includes(secret));
      if (!secrets.some((secret) => text.includes(secret))) assert.equal(whole, text);
    }),
    { numRuns: 2000 },
  );
});

test('what was held back goes out before an answer breaks off', async () => {
  const { sink, done } = recordingSink();
  const cleaned = cleanSink(sink, searchFor(['12345678']));
  cleaned.head(200, 'sse');
  cleaned.data(Buffer.from(': 1234'));
  cleaned.fail(new AppError('upstream_unavailable'));
  const { body, error } = await done;
  assert.deepEqual([body, error?.code], [': 1234', 'upstream_unavailable']);
});

test('without a secret the sink is the same one, and its word about being full is passed on', () => {
  const { sink } = recordingSink({ full: () => true });
  assert.equal(cleanSink(sink, searchFor(['short'])), sink);
  const cleaned = cleanSink(sink, searchFor(['long enough']));
  cleaned.head(200, 'json');
  assert.equal(cleaned.data(Buffer.from('something')), false);
});

test('of a credential the value counts, without its scheme', () => {
  const search = searchForCredential({
    id: 'x',
    headers: [
      ['Authorization', new Secret('Bearer abcdefgh')],
      ['X-Key', new Secret('ijklmnop')],
      ['X-Short', new Secret('qr')],
    ],
  });
  const found = (text: string) => search!.find(Buffer.from(text), 0);
  assert.deepEqual(found('Bearer abcdefgh'), { start: 7, end: 15 });
  assert.deepEqual(found('ijklmnop'), { start: 0, end: 8 });
  assert.equal(found('Bearer, qr, abc'), undefined);
});
