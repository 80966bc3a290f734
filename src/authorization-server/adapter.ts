import type { Adapter, AdapterFactory } from 'oidc-provider';
import type { ServerContext } from './context.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { storedClients } from './stored-clients.ts';
import { storedGrants } from './stored-grants.ts';
import { storedRecords } from './stored-records.ts';

/**
 * What the library keeps, kept in the store: clients and grants in tables of their own, since people look at them and
 * revoke them, everything else as short-lived records under the SHA-256 of its id.
 */
export function createAdapter(context: ServerContext, library: OidcLibrary): AdapterFactory {
  return (kind): Adapter => {
    if (kind === 'Client') return storedClients(context, library);
    if (kind === 'Grant') return storedGrants(context, library);
    return storedRecords(kind, context, library);
  };
}
