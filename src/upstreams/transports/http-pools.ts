import { type Dispatcher, Pool } from 'undici';
import { guardedLookup } from '../../lib/guarded-lookup.ts';
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
      connect: { timeout: options.connectTimeoutMs, lookup: guardedLookup },
      // Silence is watched for all transports alike (watchdog.ts).
      headersTimeout: 0,
      bodyTimeout: 0,
      // Below the 5 s after which common servers (uvicorn, Node) close idle connections without saying so: a call that
      // meets such a close could not be repeated. A server that announces more gets more.
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 300_000,
    });
  /** Pools that had to leave and still have calls or streams. */
  const retired = new Set<Pool>();
  let destroyed = false;
  const kept = (connections: number | null) => {
    const pools = createLru<string, Pool>(MAX_POOLS);
    // Most upstreams have one credential, and calls come in runs of one.
    let lastId: string | undefined;
    let last: Pool | undefined;
    const add = (credentialId: string): Pool => {
      const pool = create(connections);
      if (destroyed) {
        // What still comes now fails as unavailable.
        pool.destroy();
        return pool;
      }
      const evicted = pools.set(credentialId, pool);
      if (evicted !== undefined) {
        retired.add(evicted);
        evicted.close().finally(() => retired.delete(evicted));
      }
      return pool;
    };
    return {
      pools,
      of(credentialId: string): Pool {
        if (credentialId !== lastId || last === undefined) {
          lastId = credentialId;
          last = pools.get(credentialId) ?? add(credentialId);
        }
        return last;
      },
    };
  };
  const calls = kept(options.connections);
  const streams = kept(null);
  return {
    calls: calls.of,
    streams: streams.of,
    async destroy() {
      destroyed = true;
      const all = [...calls.pools.entries(), ...streams.pools.entries()].map(([, pool]) => pool);
      all.push(...retired);
      calls.pools.clear();
      streams.pools.clear();
      await Promise.all(all.map((pool) => pool.destroy()));
    },
  };
}
