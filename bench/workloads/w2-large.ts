import { compare } from '../harness/rounds.ts';
import { atMost, CALL_COLUMNS, comparisonRows, type Section } from '../harness/section.ts';
import type { Stand } from '../harness/stand.ts';
import { echoCall } from './w1-echo.ts';

const BYTES = 100_000;
const CONNECTIONS = 32;

export async function w2Large(stand: Stand): Promise<Section> {
  const servers = [await stand.hop(), await stand.gateway('async'), await stand.gateway('strict')];
  const variants = servers.map((server) => echoCall(server, BYTES));
  const compared = await compare(stand, variants, { connections: CONNECTIONS });
  return {
    id: 'W2',
    title: '100 KB both ways',
    about: `The echo tool with a text of 100 KB, which comes back whole; c = ${CONNECTIONS}. The baseline is the bare hop.`,
    tables: [{ columns: ['server', ...CALL_COLUMNS], rows: comparisonRows(compared) }],
    verdicts: compared.slice(1).map(({ name, cpuRatio }) => atMost(`CPU per call, ${name}`, cpuRatio, 1.3)),
  };
}
