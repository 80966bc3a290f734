import { DISTINCT, toolCall } from '../harness/request-bytes.ts';
import { type Measured, measure, medianOf } from '../harness/rounds.ts';
import { CALL_COLUMNS, callCells, kilobytes, type Section } from '../harness/section.ts';
import { type Stand, WITH_GC } from '../harness/stand.ts';

const KEYS = 10_000;
const CONNECTIONS = 32;

export async function w6Keys(stand: Stand): Promise<Section> {
  // One more, for the calls with a single key that come first.
  const gateway = await stand.startGateway({ auditMode: 'async', keys: KEYS + 1, nodeFlags: WITH_GC });
  try {
    const [single, ...keys] = gateway.keys as [string, ...string[]];
    const one = toolCall({ ...gateway, path: '/mcp/echo', key: single }, 'echo', `${DISTINCT} ${'x'.repeat(189)}`);
    const calls = (template: typeof one, count: number) => () =>
      stand.load.ask('closed', { template, connections: CONNECTIONS, calls: count });
    await calls(one, KEYS)();

    const before = await gateway.rested();
    const cold = await measure(gateway, calls({ ...one, keys }, KEYS));
    const after = await gateway.rested();
    const warm: Measured[] = [];
    const alone: Measured[] = [];
    for (let round = 0; round < (stand.quick ? 1 : 3); round++) {
      warm.push(await measure(gateway, calls({ ...one, keys }, KEYS)));
      alone.push(await measure(gateway, calls(one, KEYS)));
    }
    const baseline = medianOf(alone);
    const row = (name: string, measured: Measured) => [name, ...callCells(measured, measured.cpuUs / baseline.cpuUs)];
    return {
      id: 'W6',
      title: '10,000 distinct keys',
      about:
        `Echo calls through the gateway (audit async, c = ${CONNECTIONS}), each with another of 10,000 keys that belong ` +
        'to 1,000 service accounts: first with none of them in memory, so that each is looked up in the database, then ' +
        'again. The baseline is the same gateway called with one key.',
      tables: [
        {
          columns: ['keys', ...CALL_COLUMNS],
          rows: [row('one key', baseline), row('10,000, first use', cold), row('10,000, again', medianOf(warm))],
        },
        {
          columns: ['memory', ''],
          rows: [['for each key in memory', kilobytes((after.rssBytes - before.rssBytes) / KEYS)]],
        },
      ],
      verdicts: [],
    };
  } finally {
    await gateway.stop();
  }
}
