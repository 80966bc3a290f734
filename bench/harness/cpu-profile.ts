import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A `.cpuprofile` as V8 writes it; times in microseconds. */
interface CpuProfile {
  readonly startTime: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** One function, or one area of the code, and the time that was spent in it and not in what it called. */
export interface SelfTime {
  readonly name: string;
  readonly us: number;
}

export interface ThreadProfile {
  readonly busyUs: number;
  readonly functions: readonly SelfTime[];
  readonly areas: readonly SelfTime[];
}

const IDLE = '(idle)';
const NODE_AREAS: readonly (readonly [pattern: RegExp, area: string])[] = [
  [/^node:internal\/modules/, 'loading of modules'],
  [/^node:(?:_http|internal\/http)/, 'node:http'],
  [/^node:.*(?:net|stream)/, 'node:net and streams'],
  [/^node:/, 'node, other'],
  [/^wasm:/, 'HTTP parser of undici (wasm)'],
];

/** The main thread of a process that ran with `--cpu-prof`; only what was sampled in the time given. */
export function readMainThread(folder: string, fromUs: number, untilUs: number): ThreadProfile {
  const [busiest] = readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile'))
    .map((file) => threadProfile(JSON.parse(readFileSync(join(folder, file), 'utf8')), fromUs, untilUs))
    .sort((a, b) => b.busyUs - a.busyUs);
  if (busiest === undefined) throw new Error('The process left no CPU profile.');
  return busiest;
}

function threadProfile(profile: CpuProfile, fromUs: number, untilUs: number): ThreadProfile {
  const selfUs = new Map<number, number>();
  let at = profile.startTime;
  for (const [i, node] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i]!;
    at += delta;
    if (at >= fromUs && at <= untilUs) selfUs.set(node, (selfUs.get(node) ?? 0) + delta);
  }
  const functions = new Map<string, number>();
  const areas = new Map<string, number>();
  const add = (map: Map<string, number>, name: string, us: number) => map.set(name, (map.get(name) ?? 0) + us);
  let busyUs = 0;
  for (const { id, callFrame } of profile.nodes) {
    const us = selfUs.get(id) ?? 0;
    if (us === 0 || callFrame.functionName === IDLE) continue;
    busyUs += us;
    add(functions, nameOf(callFrame), us);
    add(areas, areaOf(callFrame), us);
  }
  const sorted = (map: Map<string, number>) => [...map].map(([name, us]) => ({ name, us })).sort((a, b) => b.us - a.us);
  return { busyUs, functions: sorted(functions), areas: sorted(areas) };
}

type CallFrame = CpuProfile['nodes'][number]['callFrame'];

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url.replace(/^.*\/(?=(?:src|node_modules|bench|dist)\/)/, '');
  return `${functionName === '' ? '(anonymous)' : functionName}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`;
}

function areaOf({ functionName, url }: CallFrame): string {
  // Native functions have no place: a system call, a regular expression, the collection of garbage.
  if (url === '') return functionName.startsWith('(') ? functionName.slice(1, -1) : 'native functions';
  const dependency = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const own = /\/src\/([a-z-]+)\//.exec(url)?.[1];
  if (own !== undefined) return `src/${own}`;
  return NODE_AREAS.find(([pattern]) => pattern.test(url))?.[1] ?? 'the bench itself';
}
