import { DISTINCT, toolCall } from '../harness/request-bytes.ts';
import { type Measured, measure, median, medianOf } from '../harness/rounds.ts';
import { CALL_COLUMNS, callCells, kilobytes, type Table, us, type Verdict } from '../harness/section.ts';
import { type Stand, WITH_GC } from '../harness/stand.ts';
import { startProcess } from '../harness/start-process.ts';
import type { WarmCredentialCommands } from '../warm-credentials.ts';

const TOKENS = 10_000;
const CONNECTIONS = 32;
const MAX_ADDED_US = 1;

/** W6 with access tokens: each of a grant of its own, of 1,000 people. */
export async function manyTokens(stand: Stand): Promise<Table[]> {
  const gateway = await stand.startGateway({ auditMode: 'async', keys: TOKENS, nodeFlags: WITH_GC });
  try {
    // Those of the first calls are no part of what is measured cold.
    const [single, ...tokens] = (await gateway.process.ask('tokens', TOKENS + 1)) as [string, ...string[]];
    const callWith = (key: string) =>
      toolCall({ ...gateway, path: '/mcp/echo', key }, 'echo', `${DISTINCT} ${'x'.repeat(189)}`);
    const [oneKey, oneToken] = [callWith(gateway.key), callWith(single)];
    const calls = (template: typeof oneKey) => () =>
      stand.load.ask('closed', { template, connections: CONNECTIONS, calls: TOKENS });
    const allKeys = { ...oneKey, keys: gateway.keys };
    const allTokens = { ...oneToken, keys: tokens };
    for (const template of [oneKey, oneToken, allKeys]) await calls(template)();

    const before = await gateway.rested();
    const cold = await measure(gateway, calls(allTokens));
    const after = await gateway.rested();
    const warm = [
      { name: 'one key', template: oneKey },
      { name: 'one token', template: oneToken },
      { name: '10,000 keys, again', template: allKeys },
      { name: '10,000 tokens, again', template: allTokens },
    ].map((load) => ({ ...load, samples: [] as Measured[] }));
    for (let round = 0; round < (stand.quick ? 1 : 5); round++) {
      for (const { template, samples } of warm) samples.push(await measure(gateway, calls(template)));
    }
    const baseline = medianOf(warm[0]!.samples);
    const row = (name: string, measured: Measured) => [name, ...callCells(measured, measured.cpuUs / baseline.cpuUs)];
    const rows = warm.map(({ name, samples }) => row(name, medianOf(samples)));
    rows.splice(3, 0, row('10,000 tokens, first use', cold));
    return [
      {
        caption:
          `Echo calls (audit async, c = ${CONNECTIONS}) with 10,000 access tokens of as many grants and 1,000 people: ` +
          'first with none of them in memory, then again. The baseline is one access key.',
        columns: ['credentials', ...CALL_COLUMNS],
        rows,
      },
      {
        columns: ['memory', ''],
        rows: [['for each token in memory', kilobytes((after.rssBytes - before.rssBytes) / TOKENS)]],
      },
    ];
  } finally {
    await gateway.stop();
  }
}

/** A microsecond is lost in the noise of whole calls, so the verifier is also measured alone. */
export async function warmVerification(stand: Stand): Promise<{ table: Table; verdict: Verdict }> {
  const process = await startProcess<WarmCredentialCommands>('warm-credentials.ts', { half: 'served' });
  try {
    const { keys, tokens } = await process.ask('compare', {
      rounds: stand.quick ? 3 : 15,
      count: stand.quick ? 20_000 : 100_000,
    });
    const added = median(tokens.map((spent, round) => spent - keys[round]!));
    return {
      table: {
        caption: 'The verifier alone, with 1,000 keys and 1,000 tokens in memory, in turns.',
        columns: ['CPU of one verification', ''],
        rows: [
          ['access key', us(median(keys))],
          ['access token', us(median(tokens))],
          ['added', us(added)],
        ],
      },
      verdict: {
        target: `a token in memory adds ≤ ${us(MAX_ADDED_US)} to what a key costs`,
        measured: us(added),
        met: added <= MAX_ADDED_US,
      },
    };
  } finally {
    await process.stop();
  }
}
