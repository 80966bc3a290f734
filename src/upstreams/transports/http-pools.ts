import { type Dispatcher, Pool } from 'undici';
import { createLru } from '../../lib/lru.ts';

/** Keep-alive connections to one origin, apart for every credential: nothing bound to a connection crosses between owners. */
export interface HttpPools {
  /** For calls: at most `connections` sockets. */
  calls(credentialId: string): Dispatcher;
  /** For standing streams, which would otherwise take the sockets of the calls. One socket each. */
  streams(credentialId: string): Dispatcher;
  /** Ends all sockets; calls under way fail. */
  destroy(): Promise<void>;
}

/** Owners whose idle pools are kept. A pool that has to leave is closed after its calls have ended. */
const MAX_POOLS = 1024;

export interface HttpPoolOptions {
  readonly connections: number;
  /** Milliseconds to open a connection, with TLS. */
  readonly connectTimeoutMs: number;
}

export function createHttpPools(origin: string, options: HttpPoolOptions): HttpPools {
  const create = (connections: number | null): Pool =>
    new Pool(origin, {
      connections,
      pipelining: 1,
      // One HTTP version, one set of framing rules: no stream multiplexing under a caller's control.
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs },
      // Silence is watched for all transports alike (watchdog.ts).
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 300_000,
    });
  const closing = new Set<Promise<void>>();
  const kept = (connections: number | null) => {
    const pools = createLru<string, Pool>(MAX_POOLS);
    return {
      pools,
      of(credentialId: string): Pool {
        const known = pools.get(credentialId);
        if (known !== undefined) return known;
        const pool = create(connections);
        const evicted = pools.set(credentialId, pool);
        if (evicted !== undefined) {
          const done = evicted.close().finally(() => closing.delete(done));
          closing.add(done);
        }
        return pool;
      },
    };
  };
  const calls = kept(options.connections);
  const streams = kept(null);
  return {
    calls: calls.of,
    streams: streams.of,
    async destroy() {
      const all = [...calls.pools.entries(), ...streams.pools.entries()].map(([, pool]) => pool);
      calls.pools.clear();
      streams.pools.clear();
      await Promise.all(all.map((pool) => pool.destroy()));
    },
  };
}
