import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { QueryResult } from 'kysely';

export interface SqliteStatement {
  execute(parameters: readonly unknown[]): QueryResult<unknown>;
}

export function prepareStatement(database: DatabaseSync, text: string): SqliteStatement {
  switch (text) {
    case 'begin':
      // A transaction that reads first and writes later can fail at the write when another process wrote in between
      // (SQLITE_BUSY_SNAPSHOT). All our transactions write, so they take the write lock first and wait for it there.
      return toStatement(database.prepare('begin immediate'));
    case 'rollback': {
      const rollback = toStatement(database.prepare(text));
      // SQLite has rolled back by itself after some errors (a full disk); failing here would hide what went wrong.
      return { execute: (parameters) => (database.isTransaction ? rollback.execute(parameters) : { rows: [] }) };
    }
    default:
      return toStatement(database.prepare(text));
  }
}

function toStatement(statement: StatementSync): SqliteStatement {
  const isReader = statement.columns().length > 0;
  return {
    execute(parameters) {
      if (isReader) return { rows: statement.all(...(parameters as SQLInputValue[])) };
      const { changes, lastInsertRowid } = statement.run(...(parameters as SQLInputValue[]));
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    },
  };
}
