import { PGlite } from '@electric-sql/pglite';
import { PGliteDialect } from 'kysely';
import { createDatabase } from '../../src/store/create-database.ts';
import type { Database } from '../../src/store/database.ts';

const INT8 = 20;

/** PostgreSQL inside this process, in memory. Returns 64-bit integers as text, as the `pg` driver does. */
export async function openPglite(): Promise<Database> {
  const pglite = await PGlite.create({ parsers: { [INT8]: (text) => text } });
  return createDatabase(new PGliteDialect({ pglite }));
}
