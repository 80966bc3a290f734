import { compare } from '../harness/rounds.ts';
import { CALL_COLUMNS, comparisonRows, count, ms, type Section, us } from '../harness/section.ts';
import type { Stand } from '../harness/stand.ts';
import { echoCall } from './w1-echo.ts';

const TEXT_BYTES = 200;
const CONNECTIONS = 32;
/** Longer than the deadline for an intent (2 s). */
const UNTIL_REFUSED_MS = 2_600;
const RECOVERY_MS = 3_000;

export async function w9Audit(stand: Stand): Promise<Section> {
  const servers = [await stand.hop(), await stand.gateway('async'), await stand.gateway('strict')];
  const variants = servers.map((server) => echoCall(server, TEXT_BYTES));
  const compared = await compare(stand, variants, { connections: CONNECTIONS });
  const failing = await failingAudit(stand);
  return {
    id: 'W9',
    title: 'audit async, strict, failing',
    about:
      `Echo of 200 bytes, c = ${CONNECTIONS}; the baseline is the bare hop. Then a gateway with \`audit.mode: strict\` ` +
      'whose audit database somebody else has locked: what callers get, and how it recovers when the lock is gone.',
    tables: [
      { columns: ['server', ...CALL_COLUMNS], rows: comparisonRows(compared) },
      { columns: ['while the audit log cannot be written', ''], rows: failing.rows },
    ],
    verdicts: [
      {
        target: 'every call is refused with 503',
        measured:
          failing.others === 0
            ? `${count(failing.refused)} of ${count(failing.refused)}`
            : `${failing.others} were not`,
        met: failing.others === 0,
      },
      { target: 'no refused call reaches the upstream', measured: `${failing.leaked} did`, met: failing.leaked === 0 },
    ],
  };
}

async function failingAudit(stand: Stand) {
  const gateway = await stand.startGateway({ auditMode: 'strict' });
  try {
    const { template } = echoCall(gateway, TEXT_BYTES);
    const load = (durationMs: number, expectStatus?: number) =>
      stand.load.ask('closed', {
        template,
        connections: CONNECTIONS,
        durationMs,
        ...(expectStatus && { expectStatus }),
      });
    const durationMs = stand.quick ? 500 : 1_500;
    await load(durationMs);
    const healthy = await load(durationMs);
    const callsBefore = await stand.upstream.ask('calls');
    await gateway.process.ask('lockAudit');
    // An error answer carries the request's id like any other, so each is still matched to its call.
    const first = await load(UNTIL_REFUSED_MS, 503);
    const before = await gateway.usage();
    const refused = await load(durationMs, 503);
    const after = await gateway.usage();
    const callsAfter = await stand.upstream.ask('calls');

    await gateway.process.ask('unlockAudit');
    const recovery = await load(RECOVERY_MS);
    const recovered = await load(durationMs);
    return {
      refused: first.calls + refused.calls,
      others: [first, refused].flatMap(({ unexpected }) => Object.values(unexpected)).reduce((sum, n) => sum + n, 0),
      leaked: callsAfter - callsBefore,
      rows: [
        ['longest wait of a call for its refusal', ms(first.latency.max)],
        ['refused calls/s once it is known', count(refused.calls / refused.seconds)],
        ['CPU per refused call', us((after.cpuUs - before.cpuUs) / refused.calls)],
        ['refused: p50, p99', `${ms(refused.latency.p50)}, ${ms(refused.latency.p99)}`],
        ['from the end of the trouble to the first call served', ms(recovery.firstMs)],
        ['calls/s before', count(healthy.calls / healthy.seconds)],
        ['calls/s after', count(recovered.calls / recovered.seconds)],
      ],
    };
  } finally {
    await gateway.stop();
  }
}
