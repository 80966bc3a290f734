import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AuditEvent } from '../model/audit-event.ts';
import { START_ACTION } from './actions.ts';
import { recordLine } from './audit-record.ts';
import { genesisHash, linkHash, withHash } from './chain.ts';
import { type Checkpoint, keyIdOf, signCheckpoint } from './checkpoint.ts';
import { headerHash, headerLine } from './export-header.ts';
import { verifyExport } from './verify-export.ts';

const { privateKey, publicKey: keyObject } = generateKeyPairSync('ed25519');
const publicKey = keyObject.export({ type: 'spki', format: 'pem' }) as string;
const keyId = keyIdOf(keyObject);
const LOG = 'log_1';

const event = (phase: AuditEvent['phase'], action: string, requestId: string): AuditEvent => ({
  phase,
  action,
  requestId,
  time: 1,
  tenantId: 'default',
});

/** An export of `count` records with a checkpoint after every fifth: lines[0] is the header, the last line the seal. */
function makeExport(count: number): string[] {
  const header = headerLine(LOG, publicKey, keyId, 1);
  const lines = [header];
  let hash = genesisHash(LOG);
  let number = 0;
  const sign = (kind: Checkpoint['kind'], seq: number, of: number, extra = {}) =>
    lines.push(signCheckpoint({ log: LOG, kind, number: of, seq, hash, time: 2, ...extra }, privateKey, keyId));
  for (let seq = 1; seq <= count; seq++) {
    const isIntent = seq % 2 === 0;
    const what = seq === 1 ? event('event', START_ACTION, '') : event(isIntent ? 'intent' : 'outcome', 'a', `r${seq}`);
    const line = recordLine(seq, 'w', what, seq > 1 && !isIntent ? seq - 1 : undefined);
    hash = linkHash(hash, line);
    lines.push(withHash(line, hash));
    if (seq % 5 === 0) sign('periodic', seq, ++number);
  }
  sign('export', count, number, { header: headerHash(header) });
  return lines;
}

const good = makeExport(20);
const verify = (lines: readonly string[], expect?: string | { seq: number; hash: string }) =>
  verifyExport(lines, { publicKey, expect });

async function faultOf(lines: readonly string[]) {
  const report = await verify(lines);
  assert.equal(report.ok, false);
  return report.firstFault!;
}

/** The index of a record in `good`. */
const at = (seq: number) => good.findIndex((line) => line.startsWith(`{"seq":${seq},`));
const without = (...indexes: number[]) => good.filter((_, i) => !indexes.includes(i));

test('an untouched export verifies, whole, from an array or a stream, with or without a final empty line', async () => {
  const report = await verify([...good, '']);
  assert.deepEqual(report, {
    ok: true,
    records: 20,
    checkpoints: 4,
    lastSeq: 20,
    sealedAt: 2,
    unknownOutcomes: [],
    pendingOutcomes: 1,
  });
  async function* stream() {
    yield* good;
  }
  assert.equal((await verifyExport(stream(), { publicKey: [publicKey] })).ok, true);
});

test('an edited record is named', async () => {
  for (const change of [
    (line: string) => line.replace('"action":"a"', '"action":"b"'),
    (line: string) => line.replace(/"hash":"./, (start) => `${start.slice(0, -1)}${start.endsWith('0') ? '1' : '0'}`),
    (line: string) => line.replace('"seq":8', '"seq":12'),
    (line: string) => line.replace('"seq":8', '"seq":3'),
    (line: string) => line.replace('{"seq"', '{ "seq"'),
  ]) {
    const fault = await faultOf(good.with(at(8), change(good[at(8)]!)));
    assert.deepEqual([fault.kind, fault.seq, fault.recordId], ['edited', 8, 'aud_w_8'], fault.detail);
  }
});

test('a record that is no JSON any more is named', async () => {
  const { kind, seq, recordId, line } = await faultOf(good.with(at(8), good[at(8)]!.slice(0, -1)));
  assert.deepEqual([kind, seq, recordId, line], ['malformed', 8, 'aud_w_8', at(8) + 1]);
});

test('deleted records are named, one or many, first or last', async () => {
  for (const [from, to] of [
    [8, 8],
    [7, 9],
    [1, 1],
    [4, 13],
  ] as const) {
    const fault = await faultOf(good.filter((_, i) => i < at(from) || i > at(to)));
    assert.deepEqual([fault.kind, fault.seq], ['deleted', from], fault.detail);
  }
});

test('moved records are named', async () => {
  const swapped = good.with(at(8), good[at(9)]!).with(at(9), good[at(8)]!);
  const fault = await faultOf(swapped);
  assert.deepEqual([fault.kind, fault.seq, fault.recordId], ['reordered', 8, 'aud_w_8']);
  const later = without(at(6)).toSpliced(at(14), 0, good[at(6)]!);
  assert.deepEqual([(await faultOf(later)).kind, (await faultOf(later)).seq], ['reordered', 6]);
});

test('inserted records are named: copies, forgeries, and text after the end', async () => {
  const copy = await faultOf(good.toSpliced(at(9), 0, good[at(4)]!));
  assert.deepEqual([copy.kind, copy.seq], ['inserted', 4]);
  assert.equal((await faultOf([...good, good[at(20)]!])).kind, 'inserted');
  assert.equal((await faultOf(good.toSpliced(at(9), 0, ''))).kind, 'malformed');
});

test('a cut tail is found, wherever it is cut', async () => {
  for (let length = 1; length < good.length; length++) {
    assert.equal((await faultOf(good.slice(0, length))).kind, 'truncated', `cut at ${length}`);
  }
  const { kind, seq } = await faultOf([...good.slice(0, at(18)), good.at(-1)!]);
  assert.deepEqual([kind, seq], ['truncated', 18]);
  assert.equal((await faultOf([])).kind, 'truncated');
});

test('a chain that was computed anew after an edit does not fit what was signed', async () => {
  let hash = genesisHash(LOG);
  const forged = good.map((line) => {
    if (!line.startsWith('{"seq"')) return line;
    const body = `${line.slice(0, -75)}}`.replace('"requestId":"r8"', '"requestId":"rX"');
    hash = linkHash(hash, body);
    return withHash(body, hash);
  });
  const fault = await faultOf(forged);
  assert.equal(fault.kind, 'edited');
  assert.match(fault.detail, /from 6 to 10/);
});

test('a checkpoint that is missing, moved, changed, foreign or signed by another key is found', async () => {
  const first = at(5) + 1;
  assert.equal((await faultOf(without(first))).kind, 'deleted');
  assert.equal((await faultOf(without(at(20) + 1))).kind, 'deleted');
  assert.equal((await faultOf(without(first).toSpliced(at(8), 0, good[first]!))).kind, 'reordered');
  assert.equal((await faultOf(without(first).toSpliced(at(3), 0, good[first]!))).kind, 'reordered');
  assert.equal((await faultOf(good.with(first, good[first]!.replace('"time":2', '"time":3')))).kind, 'bad-signature');
  const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const report = await verifyExport(good, { publicKey: other });
  assert.equal(report.firstFault?.kind, 'bad-signature');
});

test('a changed header is found, though nothing in the chain depends on it', async () => {
  assert.equal((await faultOf(good.with(0, good[0]!.replace('"exportedAt":1', '"exportedAt":2')))).kind, 'edited');
  assert.equal((await faultOf(good.slice(1))).kind, 'malformed');
});

test('an older export in place of a newer one is found with the checkpoint that the auditor kept', async () => {
  const kept = good[at(20) + 1]!;
  assert.equal((await verify(good, kept)).ok, true);
  const older = makeExport(12);
  assert.equal((await verify(older)).ok, true);
  const { firstFault } = await verify(older, kept);
  assert.deepEqual([firstFault?.kind, firstFault?.seq], ['truncated', 13]);
  assert.equal((await verify(good, { seq: 10, hash: '0'.repeat(64) })).firstFault?.kind, 'edited');
  await assert.rejects(verify(good, kept.replace('"time":2', '"time":3')), /not a checkpoint line/);
});

test('intents without an outcome are unknown once a later run starts, and pending until then', async () => {
  const header = headerLine(LOG, publicKey, keyId, 1);
  let hash = genesisHash(LOG);
  const events: AuditEvent[] = [
    event('intent', 'tool.call', 'lost'),
    { ...event('intent', 'tool.call', 'denied'), decision: 'deny' },
    event('event', START_ACTION, ''),
    event('intent', 'tool.call', 'running'),
  ];
  const records = events.map((what, i) => {
    const line = recordLine(i + 1, 'w', what);
    hash = linkHash(hash, line);
    return withHash(line, hash);
  });
  const seal = (kind: Checkpoint['kind'], number: number) =>
    signCheckpoint(
      { log: LOG, kind, number, seq: 4, hash, time: 2, ...(kind === 'export' ? { header: headerHash(header) } : {}) },
      privateKey,
      keyId,
    );
  const running = await verify([header, ...records, seal('export', 0)]);
  assert.equal(running.ok, true);
  assert.deepEqual(
    running.unknownOutcomes.map(({ requestId }) => requestId),
    ['lost'],
  );
  assert.equal(running.pendingOutcomes, 1);
  const closed = await verify([header, ...records, seal('close', 1), seal('export', 1)]);
  assert.deepEqual(
    closed.unknownOutcomes.map(({ recordId }) => recordId),
    ['aud_w_1', 'aud_w_4'],
  );
});

test('any change of any character, and any removal, repetition or move of any lines, is found', async () => {
  const index = fc.nat({ max: good.length - 1 });
  const edit = fc
    .tuple(index, fc.nat(), fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }))
    .map(([i, j, other]) => {
      const line = good[i]!;
      const place = j % line.length;
      return good.with(i, line.slice(0, place) + other + line.slice(place + 1));
    });
  const cut = fc.tuple(index, fc.integer({ min: 1, max: 5 })).map(([i, n]) => good.toSpliced(i, n));
  const repeat = fc.tuple(index, index).map(([i, j]) => good.toSpliced(i, 0, good[j]!));
  const move = fc.tuple(index, index).map(([i, j]) => good.toSpliced(i, 1).toSpliced(j, 0, good[i]!));
  const shuffle = fc.shuffledSubarray(good);
  await fc.assert(
    fc.asyncProperty(fc.oneof(edit, cut, repeat, move, shuffle), async (lines) => {
      fc.pre(lines.join('\n') !== good.join('\n'));
      const report = await verify(lines);
      assert.equal(report.ok, false, lines.join('\n'));
      assert.ok(report.firstFault);
    }),
    { numRuns: 1000 },
  );
});

test('any text at all gives a report', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json(), fc.constantFrom(...good))), async (lines) => {
      assert.equal(typeof (await verify(lines)).ok, 'boolean');
    }),
  );
});

test('the verifier needs nothing but node:crypto', () => {
  const seen = new Set<string>();
  const outside: string[] = [];
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(join(import.meta.dirname, file), 'utf8');
    for (const [, what, from] of source.matchAll(/^import (type )?[^;]*?from '([^']+)';/gms)) {
      if (what) continue;
      if (from!.startsWith('./')) visit(from!);
      else outside.push(from!);
    }
  };
  visit('verify-export.ts');
  assert.deepEqual([...new Set(outside)], ['node:crypto']);
});
