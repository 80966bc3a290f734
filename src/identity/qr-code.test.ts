import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Hex } from '../lib/sha256.ts';
import { qrCode, qrModules } from './qr-code.ts';

const digest = (text: string): [number, string] => {
  const grid = qrModules(text)!;
  const rows = grid.map((row) => row.map(Number).join(''));
  return [grid.length, sha256Hex(rows.join('\n')).slice(0, 16)];
};

// What these stand for was read back by another program, jsQR 1.4.0, which is no dependency of ours.
test('codes are as a reader has read them, with and without version information and uneven blocks', () => {
  assert.deepEqual(digest('A'), [21, '2bae48594b732587']);
  const uri = 'otpauth://totp/Toolgate:ann@example.org?secret=JBSWY3DPEHPK3PXP&issuer=Toolgate';
  assert.deepEqual(digest(uri), [37, '48c9d5857258ea67']);
  assert.deepEqual(digest('x'.repeat(300)), [69, 'a6c4c99a50e77d18']);
  assert.deepEqual(digest('ü'.repeat(333)), [97, 'eeaea6e2f9dc894e']);
});

test('the picture is an SVG document with room around the code; a text that is too long has none', () => {
  const svg = qrCode('A')!;
  assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 29 29"/);
  assert.match(svg, /M4 4h1v1h-1z/);
  assert.doesNotMatch(svg, /M[0-3] \d+h1v1|M\d+ [0-3]h1v1/);
  assert.equal(qrCode('x'.repeat(667)), null);
});
