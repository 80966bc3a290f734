import { AsyncLocalStorage } from 'node:async_hooks';
import type { KyselyPlugin } from 'kysely';
import type { Database } from './tables.ts';

/** A transaction that the calling code runs inside; `outer` is one on another database. */
interface Scope {
  readonly db: Database;
  readonly outer: Scope | undefined;
  open: boolean;
}

const scopes = new AsyncLocalStorage<Scope>();

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. On a database that already
 * is a transaction, `work` joins it, so that query functions which need a transaction can be put together.
 *
 * SQLite has one connection and a transaction holds it. Inside `work`, use only the `trx` that it is given: a query on
 * the outer database would wait for the transaction, which waits for the query. That mistake throws at once instead of
 * hanging (see `transactionGuard`). Keep `work` short and free of other I/O: every other query waits for it.
 *
 * An error inside a transaction spoils it on PostgreSQL, so `work` must not catch a conflict and go on.
 */
export async function transact<T>(db: Database, work: (trx: Database) => Promise<T>): Promise<T> {
  if (db.isTransaction) return work(db);
  refuseInsideTransaction(db);
  return db.transaction().execute(async (trx) => {
    const scope: Scope = { db, outer: scopes.getStore(), open: true };
    try {
      // The guard is a plugin of the outer database only.
      return await scopes.run(scope, () => work(trx.withoutPlugins()));
    } finally {
      scope.open = false;
    }
  });
}

/** Throws when the calling code runs inside a transaction on this database that is still open. */
export function refuseInsideTransaction(db: Database): void {
  for (let scope = scopes.getStore(); scope; scope = scope.outer) {
    if (!scope.open || scope.db !== db) continue;
    throw new Error('A query on the database inside transact() would never end: use the transaction that it gives you');
  }
}

/** Refuses queries on the database itself from inside a transaction on it. */
export function transactionGuard(db: () => Database): KyselyPlugin {
  return {
    transformQuery({ node }) {
      refuseInsideTransaction(db());
      return node;
    },
    async transformResult({ result }) {
      return result;
    },
  };
}
