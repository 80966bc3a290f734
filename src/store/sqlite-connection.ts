import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** Preparing costs more than most of our queries; the query functions use far fewer different texts than this. */
const MAX_STATEMENTS = 500;

/** Shows a node:sqlite connection to Kysely's SqliteDialect, which was made for better-sqlite3. */
export function toKyselyDatabase(connection: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => connection.close(),
    prepare(text) {
      const known = statements.get(text);
      if (known) return known;
      const statement = prepare(connection, text);
      if (statements.size >= MAX_STATEMENTS) statements.delete(statements.keys().next().value!);
      statements.set(text, statement);
      return statement;
    },
  };
}

function prepare(connection: DatabaseSync, text: string): SqliteStatement {
  switch (text) {
    case 'begin':
      // A transaction that reads first and writes later can fail at the write when another process wrote in between
      // (SQLITE_BUSY_SNAPSHOT). All our transactions write, so they take the write lock first and wait for it there.
      return toKyselyStatement(connection.prepare('begin immediate'));
    case 'rollback': {
      const statement = toKyselyStatement(connection.prepare(text));
      // SQLite has rolled back by itself after some errors (a full disk); failing here would hide what went wrong.
      const nothing = { changes: 0, lastInsertRowid: 0 };
      return { ...statement, run: (parameters) => (connection.isTransaction ? statement.run(parameters) : nothing) };
    }
    default:
      return toKyselyStatement(connection.prepare(text));
  }
}

function toKyselyStatement(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  };
}
