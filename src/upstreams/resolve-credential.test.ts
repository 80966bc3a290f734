import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpUpstream } from '../../test/fakes/upstream-call.ts';
import { Secret } from '../lib/secret.ts';
import { migrate } from '../store/migrate.ts';
import { openDatabase } from '../store/database.ts';
import { SHARED } from '../vault/vault.ts';

test('placeholder', () => {
  assert.ok([httpUpstream, Secret, migrate, openDatabase, SHARED]);
});
