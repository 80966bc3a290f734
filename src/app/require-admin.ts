import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import { ADMIN_ROLES, type Caller } from '../model/principal.ts';

/** Throws unless the request's credential is an owner's or administrator's, and its key does not take that away. */
export function requireAdmin(authenticate: (request: IncomingMessage) => Caller | Promise<Caller>) {
  return async (request: IncomingMessage): Promise<void> => {
    const { roles, restriction } = await authenticate(request);
    const keyMay = restriction === undefined || restriction.roles.some((role) => ADMIN_ROLES.has(role));
    if (!keyMay || !roles.some((role) => ADMIN_ROLES.has(role))) throw new AppError('admin_required');
  };
}
