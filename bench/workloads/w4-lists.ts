import { mcpRequest, type RequestTemplate } from '../harness/request-bytes.ts';
import { compare } from '../harness/rounds.ts';
import { CALL_COLUMNS, comparisonRows, type Section } from '../harness/section.ts';
import type { Server, Stand } from '../harness/stand.ts';

const CONNECTIONS = 8;
const MIN_FACTOR = 20;

export async function w4Lists(stand: Stand): Promise<Section> {
  const hop = await stand.hop();
  const gateway = await stand.gateway('strict');
  const list = (server: Server, path: string): RequestTemplate => mcpRequest({ ...server, path, method: 'tools/list' });
  const variants = [
    { server: hop, template: list(hop, '/filter/list'), name: 'bare hop that parses, filters and prints' },
    { server: gateway, template: list(gateway, '/mcp/list'), name: 'gateway' },
    { server: hop, template: list(hop, '/list'), name: 'bare hop, unfiltered' },
  ];
  const compared = await compare(stand, variants, { connections: CONNECTIONS });
  const factor = 1 / compared[1]!.cpuRatio;
  return {
    id: 'W4',
    title: 'tools/list, 100 of 1,000 tools allowed',
    about:
      `The list that a caller may see, of an upstream with 1,000 tools; c = ${CONNECTIONS}. The baseline fetches the ` +
      'whole list for every request, parses it, leaves out 900 tools and prints the rest, on the bare hop.',
    tables: [{ columns: ['server', ...CALL_COLUMNS], rows: comparisonRows(compared) }],
    verdicts: [
      {
        target: `CPU per list at least ${MIN_FACTOR} times less than parse, filter, print`,
        measured: `${factor.toFixed(1)} times`,
        met: factor >= MIN_FACTOR,
      },
    ],
  };
}
