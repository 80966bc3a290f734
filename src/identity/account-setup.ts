import type { Secret } from '../lib/secret.ts';
import { sha256Hex } from '../lib/sha256.ts';
import { levelOf } from '../model/admin-level.ts';
import type { Maker } from '../model/maker.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { deleteBrowserSessionsOfUser } from '../store/browser-sessions.ts';
import type { Database } from '../store/database.ts';
import { findLocalCredential, putPassword, setTotpConfirmed } from '../store/local-credentials.ts';
import { revokeOauthGrantsOf } from '../store/oauth-grants.ts';
import { rolesOfPrincipal } from '../store/role-assignments.ts';
import { findUsableSetupLink, type SetupLink, useSetupLink } from '../store/setup-links.ts';
import { transact } from '../store/transact.ts';
import { findUser, type User } from '../store/users.ts';
import { makerReaches } from '../tokens/maker-standing.ts';
import { loadOwnSecret } from '../vault/own-secrets.ts';
import type { Vault } from '../vault/vault.ts';
import { hashPassword } from './password-hash.ts';
import { passwordFault } from './password-rules.ts';
import { totpEntry, totpSecretFor, totpStep, totpUri } from './totp.ts';

/** What a link that can be used offers. */
export interface SetupOffer {
  readonly userId: string;
  readonly userName: string;
  readonly purpose: SetupLink['purpose'];
  /** Of the link. */
  readonly maker: Maker | null;
  readonly totp: { readonly uri: string; readonly secret: Secret };
}

export type SetupResult =
  | {
      readonly user: User;
      readonly purpose: SetupLink['purpose'];
      /** How the person has thereby signed in; null when a second factor from before is still to be asked for. */
      readonly methods: readonly string[] | null;
    }
  /** What to change, as a sentence for the person. The link can still be used. */
  | { readonly fault: string }
  /** The link cannot be used. */
  | null;

export type AccountSetup = ReturnType<typeof createAccountSetup>;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** What setup and recovery links lead to. `issuer`: how authenticator apps name the gateway. */
export function createAccountSetup({
  db,
  vault,
  issuer,
  tenantId = DEFAULT_TENANT,
  now = Date.now,
}: {
  db: Database;
  vault: Vault;
  issuer: () => string;
  tenantId?: string | undefined;
  now?: (() => number) | undefined;
}) {
  let derivationKey: Promise<Secret> | undefined;

  function loadKey(): Promise<Secret> {
    derivationKey ??= loadOwnSecret(vault, 'totp-derivation-key', tenantId).catch((error) => {
      derivationKey = undefined;
      throw error;
    });
    return derivationKey;
  }

  /** Null for a link that is unknown, used or over, or of a disabled user. */
  async function offerOf(token: string): Promise<SetupOffer | null> {
    if (!TOKEN.test(token)) return null;
    const link = await findUsableSetupLink(db, { tenantId, tokenHash: sha256Hex(token) }, now());
    if (link === null) return null;
    if (!(await mayStillMakeIt(db, link))) return null;
    const { userId, userName, purpose, maker } = link;
    const secret = totpSecretFor(token, await loadKey());
    return { userId, userName, purpose, maker, totp: { secret, uri: totpUri(secret, userName, issuer()) } };
  }

  return {
    offerOf,

    /**
     * Sets the password, and the second factor if `code` is not empty. Whoever was signed in with the account in a browser
     * is not any more. A recovery takes away the second factor that was, and what was allowed to clients: whoever had got
     * into the account would stay in it by that.
     */
    async complete(token: string, { password, code }: { password: string; code: string }): Promise<SetupResult> {
      const offer = await offerOf(token);
      if (offer === null) return null;
      const fault = passwordFault(password, offer.userName);
      if (fault !== null) return { fault };
      const wantsTotp = code.trim() !== '';
      const step = wantsTotp ? totpStep(offer.totp.secret, code, now()) : null;
      if (wantsTotp && step === null) {
        return { fault: 'The code is wrong. Check that the clock of your device is right, and type the newest code.' };
      }
      const hash = await hashPassword(password);
      const { userId, purpose, maker } = offer;
      const ref = { tenantId, userId };
      // Before the link is used up: a secret that nobody confirmed does nothing.
      if (wantsTotp) await vault.put(totpEntry(tenantId, userId), offer.totp.secret);
      const user = await transact(db, async (trx) => {
        if (!(await useSetupLink(trx, { tenantId, tokenHash: sha256Hex(token) }, now()))) return null;
        await putPassword(trx, ref, hash, now(), maker);
        if (wantsTotp) await setTotpConfirmed(trx, ref, now(), step);
        else if (purpose === 'recovery') await setTotpConfirmed(trx, ref, null, null);
        await deleteBrowserSessionsOfUser(trx, ref);
        if (purpose === 'recovery') {
          await revokeOauthGrantsOf(trx, { tenantId, principalId: userId }, 'account_recovered', now());
        }
        return findUser(trx, { tenantId, id: userId });
      });
      if (user === null) return null;
      if (wantsTotp) return { user, purpose, methods: ['pwd', 'otp', 'mfa'] };
      if (purpose === 'recovery') await vault.remove(totpEntry(tenantId, userId));
      const asked = (await findLocalCredential(db, ref))?.totpConfirmedAt != null;
      return { user, purpose, methods: asked ? null : ['pwd'] };
    },
  };
}

/**
 * Whether who made the link has power over the account still: links of owners are made by owners only. Links that do not
 * reach end when somebody becomes an owner; this is for one that is made at the same moment.
 */
async function mayStillMakeIt(db: Database, { tenantId, userId, maker }: SetupLink): Promise<boolean> {
  const roles = await rolesOfPrincipal(db, { tenantId, kind: 'user', id: userId });
  return !roles.includes('owner') || makerReaches(db, { tenantId, maker, ownerId: userId }, levelOf(roles));
}
