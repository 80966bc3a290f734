import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etagOf, matchVersion, orStale } from './etag.ts';

const thing = { version: 3, createdAt: 1_700_000_000_000 };
const stale = (error: Error & { code?: string }) => error.code === 'precondition_failed';

test('the tag is a quoted string that differs between versions and between things of one name', () => {
  assert.match(etagOf(thing), /^"[0-9a-z-]+"$/);
  assert.notEqual(etagOf(thing), etagOf({ ...thing, version: 4 }));
  assert.notEqual(etagOf(thing), etagOf({ ...thing, createdAt: thing.createdAt + 1 }));
});

test('the present version matches, alone, in a list or as a star', () => {
  for (const ifMatch of [etagOf(thing), `"x", ${etagOf(thing)}`, '*']) assert.equal(matchVersion(ifMatch, thing), 3);
});

test('another version, a weak tag and a bare value do not match', () => {
  for (const ifMatch of ['"2-x"', `W/${etagOf(thing)}`, etagOf(thing).replaceAll('"', ''), '']) {
    assert.throws(() => matchVersion(ifMatch, thing), stale, ifMatch);
  }
});

test('an update that found another version is reported as stale', () => {
  assert.equal(orStale(thing), thing);
  assert.throws(() => orStale(null), stale);
});
