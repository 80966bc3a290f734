import type { Adapter } from 'oidc-provider';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { findOauthGrant } from '../store/oauth-grants.ts';
import { findUser } from '../store/users.ts';
import type { ServerContext } from './context.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { revokeGrant } from './revoke-grant.ts';

const tenantId = DEFAULT_TENANT;

/** Grants, read only: give-grant.ts makes them, after a person has agreed. */
export function storedGrants(context: ServerContext, library: OidcLibrary): Adapter {
  const { db } = context;
  const unused = async (): Promise<never> => {
    throw new TypeError('Grants are made by give-grant.ts alone.');
  };
  return {
    /**
     * Nothing for one that is revoked, and for one of a person who is disabled or whose epoch was raised since: whatever
     * was issued before must not be refreshed (Zitadel CVE-2023-22492).
     */
    async find(id) {
      const grant = await findOauthGrant(db, { tenantId, id });
      if (grant === null || grant.revokedAt !== null) return undefined;
      const user = await findUser(db, { tenantId, id: grant.principal.id });
      if (user === null || user.status !== 'active' || user.epoch !== grant.payload.epoch) return undefined;
      return { ...grant.payload, jti: id };
    },
    /** The library does so when a client asks for it, and when a token comes a second time. */
    async destroy(id) {
      const asked = library.default.ctx?.oidc.route === 'revocation';
      await revokeGrant(context, id, asked ? 'revoked_by_client' : 'token_reused');
    },
    upsert: unused,
    findByUid: unused,
    findByUserCode: unused,
    consume: unused,
    revokeByGrantId: unused,
  };
}
