import { AppError } from '../errors/app-error.ts';
import type { Tables } from './tables.ts';

/** Extended result codes of SQLite (sqlite.org/rescode.html) and SQLSTATEs of PostgreSQL (appendix A). */
const DUPLICATE: ReadonlySet<unknown> = new Set([1555 /* PRIMARYKEY */, 2067 /* UNIQUE */, '23505']);
const REFERENCE: ReadonlySet<unknown> = new Set([787 /* FOREIGNKEY */, '23503']);

const DUPLICATE_TEXTS: Partial<Record<keyof Tables, string>> = {
  tenants: 'There is a tenant with this id already.',
  users: 'There is a user with this name already (case does not count). Choose another name.',
  service_accounts: 'There is a service account with this name already (case does not count). Choose another name.',
  groups: 'There is a group with this name already (case does not count). Choose another name.',
  roles: 'There is a role with this name already. Choose another name, or update that role.',
  upstreams: 'There is an upstream with this name already. Choose another name, or update that upstream.',
  secrets: 'There is a secret with this name already. Update it instead.',
};

/**
 * What a constraint violation of either engine means to the caller: an `AppError('conflict')` with a text that says what
 * to do. Undefined for every other error.
 */
export function constraintError(error: unknown): AppError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode, code, table } = error as Error & { errcode?: number; code?: string; table?: string };
  const kind = errcode ?? code;
  if (DUPLICATE.has(kind)) {
    // SQLite names the table only in its text: "UNIQUE constraint failed: users.tenant_id, users.name_key".
    const name = table ?? /constraint failed: (\w+)\./.exec(error.message)?.[1];
    return new AppError('conflict', DUPLICATE_TEXTS[name as keyof Tables], { cause: error });
  }
  if (REFERENCE.has(kind)) {
    const detail = 'It refers to something that does not exist, or something that exists still refers to it.';
    return new AppError('conflict', detail, { cause: error });
  }
  return undefined;
}
