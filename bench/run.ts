/**
 * What the gateway costs, as ratios against a baseline measured in the same run: `npm run bench`.
 *
 *   --only W1,W4   some workloads; prints their tables and leaves RESULTS.md alone
 *   --quick        short rounds, to see that everything runs; likewise
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { explainMissed } from './harness/explain.ts';
import { machineFacts } from './harness/machine.ts';
import { renderSection, renderTable, type Section } from './harness/section.ts';
import { killServed } from './harness/served-gateway.ts';
import { createStand, type Stand } from './harness/stand.ts';
import { killAll } from './harness/start-process.ts';
import { s1SignIn } from './workloads/s1-sign-in.ts';
import { w1Echo } from './workloads/w1-echo.ts';
import { w2Large } from './workloads/w2-large.ts';
import { w3Streams } from './workloads/w3-streams.ts';
import { w4Lists } from './workloads/w4-lists.ts';
import { w6Keys } from './workloads/w6-keys.ts';
import { w8Slow } from './workloads/w8-slow.ts';
import { w9Audit } from './workloads/w9-audit.ts';
import { w10UpstreamTokens } from './workloads/w10-upstream-tokens.ts';
import { w12Start } from './workloads/w12-start.ts';

const WORKLOADS: Readonly<Record<string, (stand: Stand) => Promise<Section>>> = {
  // First, while nothing else runs beside it.
  W12: w12Start,
  W1: w1Echo,
  W2: w2Large,
  W3: w3Streams,
  W4: w4Lists,
  W6: w6Keys,
  W8: w8Slow,
  W9: w9Audit,
  W10: w10UpstreamTokens,
  S1: s1SignIn,
};
const MAX_MINUTES = 15;
const RESULTS = join(import.meta.dirname, 'RESULTS.md');

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } });
const asked = values.only?.toUpperCase().split(',') ?? Object.keys(WORKLOADS);
const unknown = asked.filter((id) => !Object.hasOwn(WORKLOADS, id));
if (unknown.length > 0)
  throw new Error(`No workload ${unknown.join(', ')}; there are ${Object.keys(WORKLOADS).join(', ')}.`);

function killEverything(): void {
  killAll();
  killServed();
}
process.on('exit', killEverything);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
const tooLong = setTimeout(() => {
  console.error(`The bench did not end within ${MAX_MINUTES} minutes.`);
  process.exit(1);
}, MAX_MINUTES * 60_000);

const note = (text: string) => console.error(`${String(Math.round(performance.now() / 1000)).padStart(4)} s  ${text}`);
const stand = await createStand(values.quick);
const sections: Section[] = [];
let explanation = '';
try {
  for (const [id, run] of Object.entries(WORKLOADS)) {
    if (!asked.includes(id)) continue;
    note(id);
    sections.push(await run(stand));
  }
  if (!values.quick) {
    note('profiles of what was missed');
    explanation = await explainMissed(stand, sections);
  }
} finally {
  await stand.stop();
  clearTimeout(tooLong);
}
const orderOf = ({ id }: Section): number => (id.startsWith('W') ? 0 : 1_000) + Number(id.slice(1));
sections.sort((a, b) => orderOf(a) - orderOf(b));
const report = render();
if (values.only === undefined && !values.quick) {
  writeFileSync(RESULTS, report);
  note('bench/RESULTS.md written');
} else console.log(report);

function render(): string {
  const verdicts = sections.flatMap(({ id, verdicts: own }) => own.map((verdict) => ({ id, ...verdict })));
  const missed = verdicts.filter(({ met }) => !met);
  return `${[
    '# Bench results',
    'Written by `npm run bench`. Times depend on the machine; the ratios compare with a baseline that was measured in ' +
      'turns with the gateway in the same run. CPU per call is the user and system time of the whole server process, ' +
      'all threads, over the number of calls. The bare hop is node:http in front, undici behind, and the same bytes: ' +
      'what every gateway in Node has to do.',
    machineFacts()
      .map((fact) => `- ${fact}`)
      .join('\n'),
    `${verdicts.length - missed.length} of ${verdicts.length} targets are met${missed.length > 0 ? '. Missed:' : '.'}`,
    ...(missed.length > 0
      ? [
          renderTable({
            columns: ['workload', 'target', 'measured'],
            rows: missed.map(({ id, target, measured }) => [id, target, measured]),
          }),
        ]
      : []),
    ...sections.map(renderSection),
    ...(explanation === '' ? [] : [explanation]),
  ].join('\n\n')}\n`;
}
