import { type DatabaseConnection, type Dialect, Kysely } from 'kysely';
import { AppError } from '../errors/app-error.ts';
import { constraintError } from './constraint-error.ts';
import type { Database, Tables } from './tables.ts';
import { transactionGuard } from './transact.ts';

/**
 * The database behind a dialect, with what every engine shares: constraint violations become `AppError('conflict')`,
 * text that PostgreSQL cannot store is refused everywhere, and a query that would wait for its own transaction throws.
 */
export function createDatabase(dialect: Dialect): Database {
  const db: Database = new Kysely<Tables>({ dialect: withChecks(dialect), plugins: [transactionGuard(() => db)] });
  return db;
}

function withChecks(dialect: Dialect): Dialect {
  const checked = new WeakSet<DatabaseConnection>();
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver() {
      const driver = dialect.createDriver();
      const acquire = driver.acquireConnection.bind(driver);
      driver.acquireConnection = async (options) => {
        const connection = await acquire(options);
        if (!checked.has(connection)) check(connection);
        checked.add(connection);
        return connection;
      };
      return driver;
    },
  };
}

/** The connection itself is changed: drivers keep state on it under private names, so it cannot be wrapped. */
function check(connection: DatabaseConnection): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (query, options) => {
    for (const parameter of query.parameters) {
      // PostgreSQL has no U+0000 in text; SQLite has, but ends strings there in some functions.
      if (typeof parameter === 'string' && parameter.includes('\0')) {
        throw new AppError('unprocessable', 'Text must not contain the character U+0000; remove it.');
      }
    }
    try {
      return await execute(query, options);
    } catch (error) {
      throw constraintError(error) ?? error;
    }
  };
}
