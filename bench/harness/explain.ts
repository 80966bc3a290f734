import { echoCall } from '../workloads/w1-echo.ts';
import { type Profiled, profileServer } from './profile-server.ts';
import { renderTable, type Section, type Table, us } from './section.ts';
import type { Stand } from './stand.ts';

const CONNECTIONS = 32;
const DURATION_MS = 4_000;
const MIN_AREA_US = 0.3;
const TOP = 15;
const PROFILED = { W1: 200, W2: 100_000 } as const;

/**
 * Why the CPU targets of W1 and W2 were missed, from profiles taken now: the areas of the code in which the gateway
 * spends more than the bare hop. Empty when they were met.
 */
export async function explainMissed(stand: Stand, sections: readonly Section[]): Promise<string> {
  const parts: string[] = [];
  for (const [id, bytes] of Object.entries(PROFILED)) {
    const missed = sections.find((section) => section.id === id)?.verdicts.filter(({ met }) => !met) ?? [];
    if (missed.length === 0) continue;
    const profiles: Profiled[] = [];
    for (const profiled of ['hop', 'async', 'strict'] as const) {
      const templateOf = (server: Parameters<typeof echoCall>[0]) => echoCall(server, bytes).template;
      profiles.push(
        await profileServer(stand, { of: profiled, templateOf, connections: CONNECTIONS, durationMs: DURATION_MS }),
      );
    }
    parts.push(`### ${id}, c = ${CONNECTIONS}`, renderProfiles(profiles));
  }
  if (parts.length === 0) return '';
  return [
    '## Where the time of a missed target goes',
    'Self time for one call by area of the code, sampled with `node --cpu-prof` (which makes everything slower, and ' +
      'counts time in which the thread waited for a processor), of the main thread.',
    ...parts,
    'Repeat: `node bench/profile.ts W1 --of strict`',
  ].join('\n\n');
}

function renderProfiles(profiles: readonly Profiled[]): string {
  const areaUs = ({ areas }: Profiled, area: string) => areas.find(({ name }) => name === area)?.us ?? 0;
  const names = [...new Set(profiles.flatMap(({ areas }) => areas.map(({ name }) => name)))];
  const rows = names
    .map((name) => ({ name, spent: profiles.map((profile) => areaUs(profile, name)) }))
    .filter(({ spent }) => Math.max(...spent) >= MIN_AREA_US)
    .sort((a, b) => b.spent.at(-1)! - a.spent.at(-1)!)
    .map(({ name, spent }) => [name, ...spent.map(us)]);
  const others = ['other threads (CPU time)', ...profiles.map(({ otherThreadsUs }) => us(otherThreadsUs))];
  const areas: Table = { columns: ['area', ...profiles.map(({ name }) => name)], rows: [...rows, others] };
  const last = profiles.at(-1)!;
  const functions: Table = {
    columns: [`function (${last.name})`, 'self time'],
    rows: last.functions.slice(0, TOP).map(({ name, us: spent }) => [`\`${name}\``, us(spent)]),
  };
  return [areas, functions].map(renderTable).join('\n\n');
}
