import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { redactSecretText } from './redact-secret-text.ts';

const SECRET = 'Zq3v9XkT7mB2nR8wL5cY1dF4gH6jP0sA';
const jwt = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.${SECRET}`;
const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

/** Text with a secret in it, and the secret. */
const LEAKS: readonly [text: string, secret: string][] = [
  [`key is tgp_${SECRET}abc`, SECRET],
  [`tgs_${SECRET}`, SECRET],
  ['creds AKIAIOSFODNN7EXAMPLE.', 'AKIAIOSFODNN7EXAMPLE'],
  [`git clone https://x:ghp_${SECRET}1234@github.com/a/b`, SECRET],
  [`github_pat_11ABC_${SECRET}`, SECRET],
  [`glpat-${SECRET}`, SECRET],
  [`xoxb-123-${SECRET}`, SECRET],
  [`AIza${SECRET}abc`, SECRET],
  [`sk-ant-api03-${SECRET}`, SECRET],
  [`sk_live_${SECRET}`, SECRET],
  [`npm_${SECRET}1234`, SECRET],
  [`the session ${jwt} expired`, SECRET],
  [`prefix-${jwt}`, SECRET],
  [`id=${jwt.slice(0, jwt.lastIndexOf('.'))}`, 'eyJzdWIi'],
  [`here:\n${pem}bye`, pem.split('\n')[1]!],
  [pem.slice(0, 60), pem.split('\n')[1]!.slice(0, 20)],
  [`Authorization: Bearer ${SECRET}`, SECRET],
  [`authorization: basic ${SECRET}`, SECRET],
  [`curl -H 'X-Api-Key: ${SECRET}'`, SECRET],
  ['postgres://app:hunter2@db/prod', 'hunter2'],
  ['https://user:p@ss!word@host/x', 'ss!word'],
  ['password=hunter2&x=1', 'hunter2'],
  ['{"password": "hunter2", "a": 1}', 'hunter2'],
  ['{\\"password\\": \\"hunter2\\"}', 'hunter2'],
  ['Server=db;Pwd=hunter2;', 'hunter2'],
  ['https://h/x?a=1&api_key=hunter2#f', 'hunter2'],
  ['AWS_SECRET_ACCESS_KEY=hunter2', 'hunter2'],
];

test('secrets of every known form are taken out, and what is around them stays', () => {
  for (const [text, secret] of LEAKS) {
    const redacted = redactSecretText(text);
    assert.ok(!redacted.includes(secret), `${text} → ${redacted}`);
    assert.match(redacted, /\[redacted/);
  }
  assert.equal(redactSecretText('x password=hunter2&y=1 z'), 'x password=[redacted]&y=1 z');
});

test('ordinary text is untouched', () => {
  const texts = [
    'Steps: open the editor, press save. See https://example.com/a?b=c',
    'the token ring was a bearer of bad news',
    'a=b; c: d; e_f-g; /usr/lib/node_modules',
    'key figures: 3',
    'www.example.com and some-long-host.internal.example',
  ];
  for (const text of texts) assert.equal(redactSecretText(text), text);
});

test('50 KB built to make patterns retry are read in linear time', () => {
  const units =
    'eyJ|eyJ-|tgp_|a.|aaaaaaaaaaaa.|-----BEGIN PRIVATE KEY|-----BEGIN PRIVATE KEY-----|-----END |://|://a@|@|token|' +
    'token=|password":"|bearer |sk-|AKIA|key :    =|xoxb-|\\"| |=|://a:b@c@|basic token |a-|aaaaaaaaaaaaaaa.aaaa.eyJ.';
  const cost = (text: string): number => {
    const { user } = process.threadCpuUsage();
    redactSecretText(text);
    return process.threadCpuUsage().user - user;
  };
  for (const unit of units.split('|')) {
    const text = unit.repeat(50_000 / unit.length);
    redactSecretText(text);
    // Quadratic would be 400 times as much for 20 times the text: seconds. The bound is far from both.
    assert.ok(cost(text) < 200_000, `${unit}: ${cost(text)} µs`);
  }
});
