import { readMainThread, type SelfTime } from './cpu-profile.ts';
import type { RequestTemplate } from './request-bytes.ts';
import { requireAllAnswered } from './rounds.ts';
import type { AuditMode, Server, Stand } from './stand.ts';
import { makeFolder, removeFolder } from './temp-folder.ts';

/** Microseconds for one call. */
export interface Profiled {
  readonly name: string;
  readonly calls: number;
  /** Of the main thread, as sampled. */
  readonly busyUs: number;
  readonly areas: readonly SelfTime[];
  readonly functions: readonly SelfTime[];
  /** CPU time of all other threads, of which no profile is taken: the audit writer, V8's own. */
  readonly otherThreadsUs: number;
}

export interface ProfileOptions {
  readonly of: 'hop' | AuditMode;
  readonly templateOf: (server: Server) => RequestTemplate;
  readonly connections: number;
  readonly durationMs: number;
}

const SAMPLE_US = 200;
const WARM_UP_MS = 8_000;

/** Runs a server of its own under `node --cpu-prof` and a load on it; what it did before the load is left out. */
export async function profileServer(stand: Stand, options: ProfileOptions): Promise<Profiled> {
  const folder = makeFolder();
  try {
    const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLE_US}`];
    const { of } = options;
    const server =
      of === 'hop' ? await stand.startHop({ nodeFlags }) : await stand.startGateway({ nodeFlags, auditMode: of });
    const template = options.templateOf(server);
    const { connections, durationMs } = options;
    await stand.load.ask('closed', { template, connections, durationMs: WARM_UP_MS });
    const before = await server.usage();
    const result = await stand.load.ask('closed', { template, connections, durationMs });
    const after = await server.usage();
    await server.stop();
    requireAllAnswered(server.name, result);
    const perCall = ({ name, us }: SelfTime): SelfTime => ({ name, us: us / result.calls });
    const { busyUs, areas, functions } = readMainThread(folder, before.atUs, after.atUs);
    const mainThreadUs = after.mainThreadUs - before.mainThreadUs;
    return {
      name: server.name,
      calls: result.calls,
      busyUs: busyUs / result.calls,
      areas: areas.map(perCall),
      functions: functions.map(perCall),
      otherThreadsUs: (after.cpuUs - before.cpuUs - mainThreadUs) / result.calls,
    };
  } finally {
    removeFolder(folder);
  }
}
