import type { CompiledQuery } from 'kysely';
import type { Database } from './tables.ts';
import { refuseInsideTransaction } from './transact.ts';

const MARK = '\u0001';

/**
 * A query whose SQL text is made once for each database instead of at every call, for the few where that matters: making
 * the text takes several times as long as SQLite needs to run it. All arguments are strings and are bound, never written
 * into the text; `build` must not look at them.
 */
export function precompiled<Args extends Record<string, string>, Row>(
  build: (db: Database, args: Args) => { compile(): CompiledQuery<Row> },
): (db: Database, args: Args) => Promise<Row[]> {
  const queries = new WeakMap<Database, CompiledQuery<Row>>();
  const placeholders = new Proxy({} as Args, { get: (_, name) => MARK + String(name) });
  return async (db, args) => {
    if (!db.isTransaction) refuseInsideTransaction(db);
    let query = queries.get(db);
    if (!query) {
      query = build(db, placeholders).compile();
      queries.set(db, query);
    }
    const parameters = query.parameters.map((parameter) =>
      typeof parameter === 'string' && parameter.startsWith(MARK) ? args[parameter.slice(1)] : parameter,
    );
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}
