import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Database } from '../../store/database.ts';
import { findLoginState, insertLoginState, takeLoginState } from '../../store/login-states.ts';
import { applyClaimRules } from '../../tokens/claim-rules.ts';
import { randomValue } from '../random-value.ts';
import type { ProviderLogin } from './provider-login.ts';
import { domainRefusal, verifiedEmail } from './verified-email.ts';

const TEN_MINUTES = 600_000;
/** No provider can have this name. */
const TEST = '_test';

/** What a login showed. It holds what the provider told about the person who tried it. */
export interface TestLoginReport {
  readonly issuer: string;
  readonly subject: string;
  /** The verified address, null when there is none. */
  readonly email: string | null;
  /** Why this person could not sign in; null: they could. */
  readonly refusal: string | null;
  readonly rules: readonly {
    readonly claim: string;
    /** `equals` or `matches`, and what follows it. */
    readonly test: string;
    readonly values: readonly string[];
    readonly matched: boolean;
    readonly roles: readonly string[];
    readonly groups: readonly string[];
  }[];
  readonly claims: JsonObject;
}

export type ProviderTests = ReturnType<typeof createProviderTests>;

/**
 * Logins that only show what a provider tells. Whoever has the token can make one and read its result for ten minutes;
 * no account is made, and nobody is signed in.
 */
export function createProviderTests({ db, tenantId, now }: { db: Database; tenantId: string; now: () => number }) {
  const refOf = (token: string) => ({
    tenantId,
    stateHash: sha256Hex(`test ${token}`),
    browserHash: sha256Hex(token),
    provider: TEST,
  });
  async function put(token: string, payload: JsonObject): Promise<number> {
    const expiresAt = now() + TEN_MINUTES;
    await insertLoginState(db, { ...refOf(token), payload, expiresAt });
    return expiresAt;
  }

  return {
    /** Open `{publicUrl}/sign-in/{provider}?test={token}`. */
    async begin(provider: string): Promise<{ token: string; expiresAt: number }> {
      const token = randomValue();
      return { token, expiresAt: await put(token, { provider }) };
    },

    async isOpen(token: string, provider: string): Promise<boolean> {
      const found = await findLoginState(db, refOf(token), now());
      return found !== null && found.payload.provider === provider && found.payload.report === undefined;
    },

    async finish(token: string, settings: IdentityProviderSettings, login: ProviderLogin): Promise<void> {
      const taken = await takeLoginState(db, refOf(token), now());
      if (taken === null) return;
      await put(token, { provider: settings.name, report: reportOf(settings, login) as unknown as JsonObject });
    },

    /** `unknown`: there is no such test, or it is over. */
    async result(token: string): Promise<'unknown' | 'waiting' | TestLoginReport> {
      const found = await findLoginState(db, refOf(token), now());
      if (found === null) return 'unknown';
      return (found.payload.report as unknown as TestLoginReport | undefined) ?? 'waiting';
    },
  };
}

function reportOf(settings: IdentityProviderSettings, { issuer, subject, claims }: ProviderLogin): TestLoginReport {
  const email = verifiedEmail(settings, claims);
  return {
    issuer,
    subject,
    email: email?.text ?? null,
    refusal: domainRefusal(settings, claims, email),
    rules: applyClaimRules(settings.rules, claims).trace.map(({ rule, values, matched }) => ({
      claim: rule.claim,
      test: rule.matches === undefined ? `equals ${rule.equals}` : `matches ${rule.matches}`,
      values,
      matched,
      roles: matched ? rule.roles : [],
      groups: matched ? rule.groups : [],
    })),
    claims: claims as JsonObject,
  };
}
