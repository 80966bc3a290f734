import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import { hasCredentialInQuery, presentedCredential } from '../http/presented-credential.ts';
import { type AdminLevel, levelOf, reaches } from '../model/admin-level.ts';
import { type Caller, DEFAULT_TENANT } from '../model/principal.ts';
import type { AdminContext } from './admin-context.ts';

/**
 * What the principal's roles and the key together leave: a key only narrows. One with roles of its own administers as far
 * as these reach too; one with a tool filter was made to call tools and administers nothing.
 */
export function adminLevel({ roles, restriction }: Caller): AdminLevel {
  const own = levelOf(roles);
  if (restriction === undefined) return own;
  if (restriction.tools.length > 0) return 'none';
  if (restriction.roles.length === 0) return own;
  const narrowed = levelOf(restriction.roles);
  return reaches(narrowed, own) ? own : narrowed;
}

/**
 * Who makes this request. There is one verifier and no fallback: no cookie, no query parameter, and no way in without a
 * credential, whatever `auth` is configured for `/mcp`. Throws AppError.
 */
export async function authenticate(context: AdminContext, request: IncomingMessage): Promise<Caller> {
  if (hasCredentialInQuery(request.url ?? '')) throw new AppError('credential_in_url');
  const key = presentedCredential(request.headers);
  if (key === undefined) throw new AppError('credential_missing');
  return context.verifyKey(key, context.addressOf(request));
}

/** Throws `admin_required` unless the caller may administer. The reason is about their own key, so it may be told. */
export function requireAdmin(caller: Caller): void {
  if (adminLevel(caller) !== 'none') return;
  const limited = caller.restriction !== undefined && levelOf(caller.roles) !== 'none';
  throw new AppError(
    'admin_required',
    limited
      ? 'Your key is limited to certain roles or tools, so it does not administer. Use a key without these limits.'
      : undefined,
  );
}

/** Throws `owner_required` with what it is about. */
export function requireOwner(caller: Caller, what: string): void {
  if (adminLevel(caller) !== 'owner') throw new AppError('owner_required', `${what} needs the owner role.`);
}

/** What belongs to the whole gateway (the audit log as a whole, the vault) is administered from its first tenant alone. */
export function requireOperator(caller: Caller): void {
  if (caller.tenantId !== DEFAULT_TENANT) {
    throw new AppError('admin_required', 'This is about the whole gateway and can only be done by its operator.');
  }
}

/** The value of `WWW-Authenticate` for a refused credential (RFC 6750 §3): no `error` when none was sent. */
export function adminChallenge(error: AppError): string {
  const realm = 'Bearer realm="toolgate admin"';
  return error.code === 'credential_missing' ? realm : `${realm}, error="invalid_token"`;
}
