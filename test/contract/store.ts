import { after, before, describe } from 'node:test';
import type { Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { accessKeys } from './store/access-keys.ts';
import { administration } from './store/administration.ts';
import { groups } from './store/groups.ts';
import { hostileInput } from './store/hostile-input.ts';
import { localCredentials } from './store/local-credentials.ts';
import { migrations } from './store/migrations.ts';
import { consents, oauthClients } from './store/oauth-clients.ts';
import { oauthGrants } from './store/oauth-grants.ts';
import { oauthRecords, refreshSuccessors } from './store/oauth-records.ts';
import { principals } from './store/principals.ts';
import { roleAssignments } from './store/role-assignments.ts';
import { roles } from './store/roles.ts';
import { secrets } from './store/secrets.ts';
import { sharedGrants } from './store/shared-grants.ts';
import { browserSessions, externalIdentities, loginStates, setupLinks } from './store/sign-in.ts';
import { signingKeys, usedTokenIds } from './store/signing-keys.ts';
import { tenantIsolation } from './store/tenant-isolation.ts';
import { transactions } from './store/transactions.ts';
import { providerRevocations, upstreamClients, upstreamConnections } from './store/upstream-connections.ts';

/** What every database engine has to do. `open` returns an empty database of the engine. */
export function storeContract(engine: string, open: () => Promise<Database>): void {
  const suites = {
    principals,
    groups,
    roles,
    roleAssignments,
    accessKeys,
    secrets,
    localCredentials,
    browserSessions,
    loginStates,
    setupLinks,
    externalIdentities,
    oauthClients,
    consents,
    oauthGrants,
    oauthRecords,
    refreshSuccessors,
    signingKeys,
    usedTokenIds,
    upstreamConnections,
    upstreamClients,
    providerRevocations,
    sharedGrants,
    administration,
    tenantIsolation,
    hostileInput,
    transactions,
  };
  describe(`store on ${engine}`, () => {
    let db: Database;
    before(async () => {
      db = await open();
      await migrate(db);
    });
    after(() => db.destroy());
    for (const [name, suite] of Object.entries(suites)) describe(name, () => suite(() => db));
    describe('migrations', () => migrations(open));
  });
}
