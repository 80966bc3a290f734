import { AppError } from '../errors/app-error.ts';
import { type Caller, DEFAULT_TENANT } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import { findUpstream, type StoredUpstream } from '../store/upstreams.ts';
import type { AdminContext } from './admin-context.ts';
import { upstreamOf } from './upstream-view.ts';

/** The upstreams of the configuration file, which belong to the gateway's first tenant. */
export function fileUpstreamsOf(context: AdminContext, { tenantId }: Caller): readonly Upstream[] {
  return tenantId === DEFAULT_TENANT ? context.fileUpstreams : [];
}

/** Throws `conflict` for an upstream that stands in the configuration file. */
export function refuseDeclaredUpstream(context: AdminContext, caller: Caller, name: string): void {
  if (fileUpstreamsOf(context, caller).some((upstream) => upstream.name === name)) {
    throw new AppError('conflict', `The upstream "${name}" is declared in the configuration file. Change it there.`);
  }
}

/** One that was declared over the API. Throws `conflict` for one of the configuration file, `not_found` for none. */
export async function requireStoredUpstream(
  context: AdminContext,
  caller: Caller,
  name: string,
): Promise<StoredUpstream> {
  const stored = await findUpstream(context.db, { tenantId: caller.tenantId, name });
  if (stored) return stored;
  refuseDeclaredUpstream(context, caller, name);
  throw new AppError('not_found', `There is no upstream "${name}".`);
}

/** Wherever it is declared. Throws `not_found`. */
export async function requireUpstream(context: AdminContext, caller: Caller, name: string): Promise<Upstream> {
  const declared = fileUpstreamsOf(context, caller).find((upstream) => upstream.name === name);
  if (declared !== undefined) return declared;
  return upstreamOf(await requireStoredUpstream(context, caller, name));
}
