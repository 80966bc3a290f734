import type { DatabaseSync } from 'node:sqlite';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { createLock, type Lock } from '../lib/lock.ts';
import type { LogSync } from './log-sync.ts';
import { prepareStatement, type SqliteStatement } from './sqlite-statement.ts';

/** Preparing costs more than most of our queries; the query functions use far fewer different texts than this. */
const MAX_STATEMENTS = 500;

/** Everything else may have written something. */
const READS = /^\s*(?:select|explain|begin|rollback|pragma|savepoint|release)\b/i;

/**
 * Kysely over one node:sqlite connection, which does its work at once and on the event loop. What takes long on a real disk
 * is the sync that makes a commit durable, so that is left to LogSync and happens elsewhere: a write is answered after it,
 * and whoever comes next need not wait for it.
 *
 * @param durability null for a database that is gone with the process
 */
export function sqliteDialect(database: DatabaseSync, durability: LogSync | null): Dialect {
  return {
    createAdapter: () => new Adapter(),
    createDriver: () => createDriver(database, durability),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

/** There is one connection. Who has it is decided here, since Kysely would hold it until a write is durable. */
class Adapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

function createDriver(database: DatabaseSync, durability: LogSync | null): Driver {
  const synced = durability?.synced ?? (async () => {});
  const lock = createLock();
  const statements = new Map<string, SqliteStatement>();
  const prepare = (text: string): SqliteStatement => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = prepareStatement(database, text);
    if (statements.size >= MAX_STATEMENTS) statements.delete(statements.keys().next().value!);
    statements.set(text, statement);
    return statement;
  };
  const held = (connection: DatabaseConnection): HeldConnection => connection as HeldConnection;
  return {
    async init() {},
    acquireConnection: async () => new HeldConnection(await lock.acquire(), prepare, synced),
    async beginTransaction(connection) {
      held(connection).begin();
    },
    commitTransaction: (connection) => held(connection).commit(),
    async rollbackTransaction(connection) {
      held(connection).rollback();
    },
    async releaseConnection(connection) {
      held(connection).release();
    },
    async destroy() {
      database.close();
      await durability?.close();
    },
  };
}

/** The connection, for as long as somebody has it: one query, or one transaction. */
class HeldConnection implements DatabaseConnection {
  private readonly lock: Lock;
  private readonly prepare: (text: string) => SqliteStatement;
  private readonly synced: () => Promise<void>;
  private inTransaction = false;

  constructor(lock: Lock, prepare: (text: string) => SqliteStatement, synced: () => Promise<void>) {
    this.lock = lock;
    this.prepare = prepare;
    this.synced = synced;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const result = this.prepare(sql).execute(parameters) as QueryResult<R>;
    if (!this.inTransaction && !READS.test(sql)) {
      this.release();
      await this.synced();
    }
    return result;
  }

  /** Rows come all at once: nothing here reads more than fits into memory. */
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  begin(): void {
    this.prepare('begin').execute([]);
    this.inTransaction = true;
  }

  async commit(): Promise<void> {
    this.prepare('commit').execute([]);
    this.inTransaction = false;
    this.release();
    await this.synced();
  }

  rollback(): void {
    this.prepare('rollback').execute([]);
    this.inTransaction = false;
  }

  release(): void {
    this.lock.release();
  }
}
