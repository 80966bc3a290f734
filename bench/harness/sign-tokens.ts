import { sign } from 'node:crypto';
import { newId } from '../../src/lib/ids.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import type { Database } from '../../src/store/database.ts';
import { insertOauthGrant } from '../../src/store/oauth-grants.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { transact } from '../../src/store/transact.ts';
import { insertUser } from '../../src/store/users.ts';
import { openSigningKeys } from '../../src/tokens/signing-keys.ts';
import type { Vault } from '../../src/vault/vault.ts';

const TOKENS_PER_USER = 10;
const VALID_SECONDS = 3_600;
const CLIENT = { clientId: 'client-of-the-bench', clientName: 'Client of the bench' };

export interface SignTokens {
  readonly db: Database;
  readonly vault: Vault;
  /** Null where nobody looks at roles. */
  readonly role: string | null;
  readonly issuer: string;
  readonly resource: string;
  readonly count: number;
}

/**
 * Access tokens as the gateway itself issues them, for new users with ten each, every one of a grant of its own. All have
 * the same length.
 */
export async function signTokens({ db, vault, role, issuer, resource, count }: SignTokens): Promise<string[]> {
  const { kid, privateKey } = (await openSigningKeys({ db, vault })).active();
  const tenantId = DEFAULT_TENANT;
  const header = encode({ alg: 'ES256', typ: 'at+jwt', kid });
  const iat = Math.floor(Date.now() / 1000);
  return transact(db, async (trx) => {
    const tokens: string[] = [];
    for (let user = 0; tokens.length < count; user++) {
      const name = `holder-${user}`;
      const createdAt = Date.now();
      const { id, epoch } = await insertUser(trx, { tenantId, id: newId('usr'), name, displayName: name, createdAt });
      const principal = { kind: 'user', id } as const;
      if (role !== null) await assignRole(trx, { tenantId, role, subject: principal });
      for (let i = 0; i < TOKENS_PER_USER && tokens.length < count; i++) {
        const grantId = newId('grt');
        await insertOauthGrant(trx, {
          ...{ tenantId, id: grantId, ...CLIENT, principal, resource, scopes: ['mcp'], payload: {} },
          ...{ address: '192.0.2.1', createdAt, expiresAt: null },
        });
        const about = { iss: issuer, sub: id, aud: resource, client_id: CLIENT.clientId, scope: 'mcp', epoch };
        const claims = { ...about, iat, exp: iat + VALID_SECONDS, jti: newId('tok'), grant_id: grantId };
        const content = `${header}.${encode(claims)}`;
        const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
        tokens.push(`${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`);
      }
    }
    return tokens;
  });
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
