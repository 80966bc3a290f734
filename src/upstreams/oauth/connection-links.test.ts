import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../lib/secret.ts';
import { createConnectionLinks } from './connection-links.ts';

let time = 1_790_000_000_000;
const linksOf = (key = 'one') =>
  createConnectionLinks({ publicUrl: () => 'https://gw.example', linkKey: new Secret(key), now: () => time });
const tokenOf = (url: string): string => new URL(url).searchParams.get('for')!;

test('a link is for its person, its upstream, its gateway and a day', () => {
  const links = linksOf();
  const { url } = links.linkFor('github', { id: 'usr_ann' });
  const token = tokenOf(url);
  assert.ok(url.startsWith('https://gw.example/connect/github?for='));
  assert.equal(links.linkIsFor('github', token, 'usr_ann'), true);
  assert.equal(links.linkIsFor('github', token, 'usr_ben'), false);
  assert.equal(links.linkIsFor('gitlab', token, 'usr_ann'), false);
  assert.equal(linksOf('two').linkIsFor('github', token, 'usr_ann'), false);
  time += 26 * 3_600_000;
  assert.equal(links.linkIsFor('github', token, 'usr_ann'), false);
});

test('a link tells nobody whose it is, and its id is not the link', () => {
  const { url, id } = linksOf().linkFor('github', { id: 'usr_ann' });
  assert.doesNotMatch(url, /ann/);
  assert.ok(!url.includes(id));
  assert.equal(linksOf().linkFor('github', { id: 'usr_ann' }).id, id, 'who asks often gets the same');
  assert.notEqual(linksOf().linkFor('github', { id: 'usr_ben' }).id, id);
});

test('any changed, cut or longer token is refused', () => {
  const links = linksOf();
  const token = tokenOf(links.linkFor('github', { id: 'usr_ann' }).url);
  for (let at = 0; at < token.length - 1; at++) {
    const other = token[at] === 'A' ? 'B' : 'A';
    assert.equal(links.linkIsFor('github', token.slice(0, at) + other + token.slice(at + 1), 'usr_ann'), false);
    assert.equal(links.linkIsFor('github', token.slice(0, at), 'usr_ann'), false);
  }
  for (const odd of ['', '.', `${token}A`, `z${token}`, 'zzzzzzzzzzz.', '\n']) {
    assert.equal(links.linkIsFor('github', odd, 'usr_ann'), false);
  }
});
