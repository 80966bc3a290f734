import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import { entryPoints } from '../harness/entry-points.ts';
import { installSize } from '../harness/install-size.ts';
import { emptyProcessMemory, type ResidentMemory, residentMemory } from '../harness/resident-memory.ts';
import { median } from '../harness/rounds.ts';
import { atMost, megabytes, ms, type Section, type Verdict } from '../harness/section.ts';
import { serveGateway } from '../harness/served-gateway.ts';
import type { Stand } from '../harness/stand.ts';
import { makeFolder, removeFolder } from '../harness/temp-folder.ts';

const IDLE_MS = 10_000;
const MAX_READY_MS = 300;
const MAX_IDLE_BYTES = 110e6;
const MAX_INSTALLED_BYTES = 60e6;

export async function w12Start(stand: Stand): Promise<Section> {
  const rounds = stand.quick ? 1 : 7;
  const upstream = { name: 'echo', url: `http://127.0.0.1:${stand.direct.port}/echo` };
  const settings = stringify({ upstreams: [upstream], log: { level: 'warn' } });
  const entries = entryPoints();
  const rows: string[][] = [];
  const verdicts: Verdict[] = [];
  for (const { name, main } of entries) {
    const first = await readyTimes(main, settings, rounds, true);
    const later = await readyTimes(main, settings, rounds, false);
    rows.push([`ready, ${name}, first start of a data folder`, ms(first)], [`ready, ${name}`, ms(later)]);
    verdicts.push(atMost(`ready, ${name}`, later, MAX_READY_MS, ms));
  }
  const idle = await Promise.all(entries.map(({ main }) => idleMemory(main, settings)));
  for (const [i, memory] of idle.entries()) {
    const what = `idle memory, ${entries[i]!.name}`;
    if (memory === null) {
      rows.push([what, 'not measured: no `/proc` here']);
      continue;
    }
    rows.push([what, megabytes(memory.total)], ['of that, pages of Node’s own program', megabytes(memory.files)]);
    verdicts.push(atMost(what, memory.total, MAX_IDLE_BYTES, megabytes));
  }
  const empty = await emptyProcessMemory();
  if (empty !== null) {
    const own = `${megabytes(empty.total)} (${megabytes(empty.files)})`;
    rows.push(['for comparison: Node that runs nothing (of that, its own program)', own]);
  }
  if (entries.length === 1)
    rows.push(['built', 'not measured: `dist` is missing or older than `src` (`npm run build`)']);
  const { dependencies, ownPackage } = installSize();
  rows.push(
    ['installed: dependencies', megabytes(dependencies)],
    ['installed: the package itself', ownPackage === null ? 'not measured' : megabytes(ownPackage)],
  );
  verdicts.push(atMost('installed, without Node', dependencies + (ownPackage ?? 0), MAX_INSTALLED_BYTES, megabytes));
  return {
    id: 'W12',
    title: 'start, idle memory, size',
    about:
      `\`toolgate serve\` with one upstream: from the start of the process to the first 200 of \`/readyz\` (median of ` +
      `${rounds}), resident memory after ${IDLE_MS / 1000} idle seconds, and the disk space of an installation without ` +
      'development dependencies. From source, Node reads a thousand files instead of sixty, takes the types out of a third ' +
      'of them (what it compiled is cached), and keeps all their text: that is for those who work on Toolgate.',
    tables: [{ columns: ['', 'measured'], rows }],
    verdicts,
  };
}

/** @param afresh in an empty folder each time; otherwise the first start is not counted. */
async function readyTimes(main: string, settings: string, rounds: number, afresh: boolean): Promise<number> {
  const readyMs: number[] = [];
  const startIn = async (folder: string): Promise<number> => {
    const gateway = await serveGateway(main, folder);
    await gateway.stop();
    return gateway.readyMs;
  };
  if (afresh) {
    for (let round = 0; round < rounds; round++) readyMs.push(await inFolder(settings, startIn));
  } else {
    await inFolder(settings, async (folder) => {
      await startIn(folder);
      for (let round = 0; round < rounds; round++) readyMs.push(await startIn(folder));
    });
  }
  return median(readyMs);
}

function idleMemory(main: string, settings: string): Promise<ResidentMemory | null> {
  return inFolder(settings, async (folder) => {
    const gateway = await serveGateway(main, folder);
    await setTimeout(IDLE_MS);
    const memory = residentMemory(gateway.pid);
    await gateway.stop();
    return memory;
  });
}

async function inFolder<T>(settings: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = makeFolder();
  try {
    await writeFile(join(folder, 'toolgate.yaml'), settings);
    return await work(folder);
  } finally {
    removeFolder(folder);
  }
}
