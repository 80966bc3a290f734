import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { type Claims, claimValues } from '../../tokens/claim-rules.ts';
import { type EmailAddress, parseEmailAddress } from '../email-address.ts';
import { PRESETS } from './presets.ts';

/** The address that the provider vouches for; null when it has none, or none that was verified. */
export function verifiedEmail(
  { preset }: Pick<IdentityProviderSettings, 'preset'>,
  claims: Claims,
): EmailAddress | null {
  const verified = claims[PRESETS[preset].emailVerifiedClaim];
  // Some write it as text, and Entra as a number.
  return verified === true || verified === 'true' || verified === 1 || verified === '1'
    ? parseEmailAddress(claims.email)
    : null;
}

/** Why somebody may not come; null: they may. Domains are compared as a whole: nothing below an allowed one counts. */
export function domainRefusal(
  settings: Pick<IdentityProviderSettings, 'preset' | 'domains'>,
  claims: Claims,
  email: EmailAddress | null,
): 'email_not_verified' | 'domain_not_allowed' | null {
  if (settings.domains.length === 0) return null;
  if (email === null) return 'email_not_verified';
  const allowed = new Set(settings.domains.map((domain) => domain.toLowerCase()));
  if (!allowed.has(email.domain)) return 'domain_not_allowed';
  const { domainClaim } = PRESETS[settings.preset];
  if (domainClaim === undefined) return null;
  const [organisation] = claimValues(claims, domainClaim);
  return organisation !== undefined && allowed.has(organisation.toLowerCase()) ? null : 'domain_not_allowed';
}
