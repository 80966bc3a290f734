/**
 * What the audit log costs: CPU time of all threads for each call (one intent, one outcome), beyond the same loop without
 * it. `node bench/audit.ts [calls per row]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAudit } from '../src/audit/open-audit.ts';
import { redactArguments } from '../src/audit/redact-arguments.ts';
import { sha256Hex } from '../src/lib/sha256.ts';

const CALLS = Number(process.argv[2] ?? 40_000);
/** What a gateway does beside for every call: it decides how many calls a commit can take along. */
const OTHER_WORK_US = 40;

type Recorder = { before(request: number): Promise<void> | undefined; after(request: number): void };

function spin(us: number): void {
  const end = performance.now() + us / 1000;
  while (performance.now() < end);
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs the calls `concurrency` at a time; returns µs of CPU and of wall time per call, and the p99 wait for an intent. */
async function measure(recorder: Recorder, concurrency: number, calls: number) {
  let started = 0;
  const waits: number[] = [];
  async function caller() {
    while (started < calls) {
      const request = started++;
      spin(OTHER_WORK_US);
      const from = performance.now();
      await recorder.before(request);
      waits.push(performance.now() - from);
      await nextTurn();
      recorder.after(request);
    }
  }
  const cpu = process.cpuUsage();
  const wall = performance.now();
  await Promise.all(Array.from({ length: concurrency }, caller));
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  return {
    cpu: (used.user + used.system) / calls,
    wall: ((performance.now() - wall) * 1000) / calls,
    p50: waits[Math.floor(waits.length * 0.5)]!,
    p99: waits[Math.floor(waits.length * 0.99)]!,
  };
}

const argument = { text: 'The quick brown fox jumps over the lazy dog. '.repeat(4), n: 1 };
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

console.log(`mode    c    CPU µs/call (extra)   records/commit   intent p50 / p99 ms`);
for (const mode of ['async', 'strict'] as const) {
  for (const concurrency of [1, 8, 32, 256]) {
    const folder = mkdtempSync(join(tmpdir(), 'toolgate-bench-'));
    const file = join(folder, 'audit.db');
    const audit = await openAudit({ file, signingKeyFile: join(folder, 'audit.key'), mode });
    const recorder: Recorder = {
      before: (request) => audit.intent(intentOf(request)),
      after: (request) => audit.record(outcomeOf(request)),
    };
    const calls = concurrency === 1 && mode === 'strict' ? Math.min(CALLS, 5000) : CALLS;
    await measure(recorder, concurrency, Math.min(calls, 5000));
    await audit.flush();
    const bare = await measure(silent, concurrency, calls);
    const before = audit.stats();
    const cpu = process.cpuUsage();
    const full = await measure(recorder, concurrency, calls);
    await audit.flush();
    const used = process.cpuUsage(cpu);
    const after = audit.stats();
    const extra = (used.user + used.system) / calls - bare.cpu;
    const batch = (after.seq - before.seq) / (after.commits - before.commits);
    console.log(
      `${mode.padEnd(6)} ${String(concurrency).padStart(3)}    ${extra.toFixed(1).padStart(6)}` +
        `                ${batch.toFixed(1).padStart(6)}           ${full.p50.toFixed(2)} / ${full.p99.toFixed(2)}`,
    );
    await audit.close();
    rmSync(folder, { recursive: true });
  }
}
