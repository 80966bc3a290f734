import { setTimeout } from 'node:timers/promises';
import type { BareHopCommands } from '../bare-hop.ts';
import type { GatewayCommands, GatewayOptions } from '../gateway.ts';
import type { LoadCommands } from '../load.ts';
import type { UpstreamCommands } from '../upstream-fixture.ts';
import type { Commands, Usage } from './commands.ts';
import { type BenchProcess, type ProcessOptions, startProcess } from './start-process.ts';
import { makeFolder, removeFolder } from './temp-folder.ts';

/** Something that calls are sent to and whose CPU time is measured. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** Before the name of an upstream. */
  readonly pathPrefix: string;
  readonly key: string;
  usage(): Promise<Usage>;
  /** The same after a garbage collection, of a server that was started with `--expose-gc`. */
  rested(): Promise<Usage>;
  stop(): Promise<void>;
}

export interface Gateway extends Server {
  readonly process: BenchProcess<GatewayCommands>;
  readonly keys: readonly string[];
}

export type AuditMode = GatewayOptions['auditMode'];

export interface StartOptions {
  readonly auditMode?: AuditMode;
  readonly keys?: number;
  readonly people?: number;
  readonly nodeFlags?: readonly string[];
}

export type Stand = Awaited<ReturnType<typeof createStand>>;

/** The audit writer goes on for a moment after the last call; what it uses then belongs to the calls. */
const SETTLE_MS = 100;
/** For servers that look at no key. */
const ANY_KEY = `tgs_${'x'.repeat(49)}`;
/** For servers whose memory is measured. */
export const WITH_GC = ['--expose-gc'];

/** The processes that the workloads share: upstream and load generator at once, the servers when they are first asked for. */
export async function createStand(quick: boolean) {
  const upstream = await startProcess<UpstreamCommands>('upstream-fixture.ts', { half: 'serving' });
  const load = await startProcess<LoadCommands>('load.ts', { half: 'serving' });
  const upstreamPort = await upstream.ask('port');
  const shared = new Map<string, Promise<Server>>();

  const serverOf = (
    name: string,
    process: Pick<BenchProcess<Commands>, 'usage' | 'rested' | 'stop'>,
    at: Pick<Server, 'port' | 'pathPrefix' | 'key'>,
  ): Server => ({
    name,
    ...at,
    usage: () => setTimeout(SETTLE_MS).then(process.usage),
    rested: () => setTimeout(SETTLE_MS).then(process.rested),
    async stop() {
      await process.stop();
      await load.ask('close', at.port);
    },
  });

  async function startHop(options: StartOptions = {}): Promise<Server> {
    const { nodeFlags = [] } = options;
    const started: ProcessOptions = { argument: { upstreamPort }, nodeFlags, half: 'served' };
    const process = await startProcess<BareHopCommands>('bare-hop.ts', started);
    const port = await process.ask('port');
    return serverOf('bare hop', process, { port, pathPrefix: '/', key: ANY_KEY });
  }

  async function startGateway({
    auditMode = 'strict',
    keys: count = 1,
    people = 0,
    nodeFlags = [],
  }: StartOptions = {}): Promise<Gateway> {
    const dataDir = makeFolder();
    const removeData = () => removeFolder(dataDir);
    try {
      const argument: GatewayOptions = { dataDir, upstreamPort, auditMode, keys: count, people };
      const process = await startProcess<GatewayCommands>('gateway.ts', { argument, nodeFlags, half: 'served' });
      const keys = await process.ask('keys');
      const port = await process.ask('port');
      const server = serverOf(`gateway, audit ${auditMode}`, process, { port, pathPrefix: '/mcp/', key: keys[0]! });
      const stop = () => server.stop().finally(removeData);
      return { ...server, process, keys, stop };
    } catch (error) {
      removeData();
      throw error;
    }
  }

  const once = (name: string, start: () => Promise<Server>): Promise<Server> => {
    if (!shared.has(name)) shared.set(name, start());
    return shared.get(name)!;
  };

  return {
    /** Fewer and shorter rounds: to see that everything runs, not to believe the numbers. */
    quick,
    upstream,
    load,
    /** The upstream itself, as a server to call directly. */
    direct: serverOf('direct', upstream, { port: upstreamPort, pathPrefix: '/', key: ANY_KEY }),
    /** Shared by all workloads. */
    hop: () => once('hop', startHop),
    gateway: (auditMode: AuditMode) => once(auditMode, () => startGateway({ auditMode })),
    /** For one workload, which stops them. */
    startHop,
    startGateway,
    async stop(): Promise<void> {
      for (const started of await Promise.allSettled(shared.values())) {
        if (started.status === 'fulfilled') await started.value.stop();
      }
      await load.stop();
      await upstream.stop();
    },
  };
}
