/**
 * What the audit log costs: CPU time of all threads for each call (one intent, one outcome), beyond the same loop without
 * it. `node bench/audit.ts [calls per row]`
 */
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAudit } from '../src/audit/open-audit.ts';
import { redactArguments } from '../src/audit/redact-arguments.ts';
import { sha256Hex } from '../src/lib/sha256.ts';

const CALLS = Number(process.argv[2] ?? 40_000);
/** Rounds per row; the least of each counts, since everything else that runs on the machine only adds. */
const ROUNDS = 3;
/** What a gateway does beside for every call (about 40 µs): it decides how many calls a commit can take along. */
const OTHER_WORK = Buffer.alloc(50_000);

type Recorder = { before(request: number): Promise<void> | undefined; after(request: number): void };

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs the calls `concurrency` at a time; returns µs of CPU per call, and how long intents waited, in ms. */
async function measure(recorder: Recorder, concurrency: number, calls: number) {
  let started = 0;
  const waits: number[] = [];
  async function caller() {
    while (started < calls) {
      const request = started++;
      hash('sha1', OTHER_WORK);
      const from = performance.now();
      await recorder.before(request);
      waits.push(performance.now() - from);
      await nextTurn();
      recorder.after(request);
    }
  }
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: concurrency }, caller));
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  return {
    cpu: (used.user + used.system) / calls,
    p50: waits[Math.floor(waits.length * 0.5)]!,
    p99: waits[Math.floor(waits.length * 0.99)]!,
  };
}

const argument = {
  owner: 'acme',
  repo: 'toolgate',
  title: 'Crash when saving a file',
  body: 'Steps: open the editor, write something, press save. See https://example.com/x for a recording of it.',
  labels: ['bug', 'p1'],
};
const argumentsHash = sha256Hex(JSON.stringify(argument));

const intentOf = (request: number) =>
  ({
    phase: 'intent',
    action: 'tool.call',
    requestId: `req_01k9abcdefghjkmnpqrs${request}`,
    time: Date.now(),
    tenantId: 'default',
    principalKind: 'user',
    principalId: `usr_01k9abcdefghjkmnpqrstvw${request % 50}`,
    principalName: 'ada@example.com',
    agentKind: 'access_key',
    agentId: `key_01k9abcdefghjkmnpqrstvw${request % 70}`,
    agentName: 'laptop',
    address: '127.0.0.1',
    upstream: 'github',
    target: `create_issue_${request % 30}`,
    decision: 'allow',
    reason: 'engineer/allow/0',
    arguments: redactArguments(argument),
    argumentsHash,
  }) as const;

const outcomeOf = (request: number) =>
  ({
    phase: 'outcome',
    action: 'tool.call',
    requestId: `req_01k9abcdefghjkmnpqrs${request}`,
    time: Date.now(),
    tenantId: 'default',
    outcome: 'ok',
    responseBytes: 200,
    responseHash: argumentsHash,
    durationMs: 1.25,
  }) as const;

const silent: Recorder = { before: () => undefined, after: () => undefined };

async function row(mode: 'async' | 'strict', concurrency: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-bench-'));
  const audit = await openAudit({
    file: join(folder, 'audit.db'),
    signingKeyFile: join(folder, 'audit.key'),
    mode,
  });
  const recorder: Recorder = {
    before: (request) => audit.intent(intentOf(request)),
    after: (request) => audit.record(outcomeOf(request)),
  };
  const calls = concurrency === 1 && mode === 'strict' ? Math.min(CALLS, 5000) : CALLS;
  await measure(recorder, concurrency, Math.min(calls, 5000));
  let bare = Number.POSITIVE_INFINITY;
  let full = Number.POSITIVE_INFINITY;
  let main = Number.POSITIVE_INFINITY;
  let waits = { p50: 0, p99: 0 };
  const before = audit.stats();
  for (let round = 0; round < ROUNDS; round++) {
    bare = Math.min(bare, (await measure(silent, concurrency, calls)).cpu);
    const cpu = process.cpuUsage();
    const thread = process.threadCpuUsage();
    const result = await measure(recorder, concurrency, calls);
    await audit.flush();
    const used = process.cpuUsage(cpu);
    const usedHere = process.threadCpuUsage(thread);
    main = Math.min(main, (usedHere.user + usedHere.system) / calls);
    if ((used.user + used.system) / calls < full) waits = result;
    full = Math.min(full, (used.user + used.system) / calls);
  }
  const after = audit.stats();
  const batch = (after.seq - before.seq) / (after.commits - before.commits);
  await audit.close();
  rmSync(folder, { recursive: true });
  const cells = [full - bare, main - bare, batch, waits.p50, waits.p99];
  return `${mode.padEnd(6)} ${String(concurrency).padStart(4)}${cells.map((cell) => cell.toFixed(1).padStart(13)).join('')}`;
}

function redactionCost(): number {
  const rounds = 200_000;
  for (let i = 0; i < 20_000; i++) redactArguments(argument);
  const { user } = process.threadCpuUsage();
  for (let i = 0; i < rounds; i++) redactArguments(argument);
  return (process.threadCpuUsage().user - user) / rounds;
}

console.log(`redacting a ${JSON.stringify(argument).length}-byte argument: ${redactionCost().toFixed(2)} µs\n`);
console.log('          c   CPU µs/call    of it main  records/commit    p50 ms       p99 ms');
for (const mode of ['async', 'strict'] as const) {
  for (const concurrency of [1, 8, 32, 256]) console.log(await row(mode, concurrency));
}
