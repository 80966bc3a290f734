import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';

/** What is particular about an identity provider. */
export interface ProviderPreset {
  /** What stands on the button. */
  readonly title: string;
  readonly scopes: readonly string[];
  /** Asked for where the metadata lists them. */
  readonly optionalScopes?: readonly string[];
  /** The claim that says whether `email` was verified. */
  readonly emailVerifiedClaim: string;
  /** A claim that names the organisation by its domain, and has to be among the allowed `domains` as well. */
  readonly domainClaim?: string;
  /** `prompt` that makes the provider ask a person whom it knows. */
  readonly againPrompt: 'select_account' | 'login';
  /** What the issuer looks like, and what to do when it looks otherwise. */
  readonly issuer?: { readonly pattern: RegExp; readonly advice: string };
  /** What people stumble over; `toolgate idp test` says it. */
  readonly notes: readonly string[];
}

const OPENID = ['openid', 'profile', 'email'] as const;

export const PRESETS: Readonly<Record<IdentityProviderSettings['preset'], ProviderPreset>> = {
  okta: {
    title: 'Okta',
    scopes: OPENID,
    optionalScopes: ['groups'],
    emailVerifiedClaim: 'email_verified',
    againPrompt: 'login',
    issuer: {
      pattern: /^https:\/\/[^/]+(?:\/oauth2\/[^/]+)?$/,
      advice: 'It is `https://{org}.okta.com`, or with a custom authorization server `…/oauth2/default`.',
    },
    notes: [
      'Groups: the org server gives them for the scope `groups` once the application has a "Groups claim filter"; a custom server needs a claim `groups`.',
      'Registered there has to be the sign-out redirect URI `{publicUrl}/signed-out`, too, or signing out ends on an error page.',
    ],
  },
  entra: {
    title: 'Microsoft',
    scopes: OPENID,
    // Entra never sends email_verified. This optional claim says that the domain of the address belongs to the tenant.
    emailVerifiedClaim: 'xms_edov',
    againPrompt: 'select_account',
    issuer: {
      pattern: /^https:\/\/login\.(?:microsoftonline\.(?:com|us)|partner\.microsoftonline\.cn)\/[0-9a-f-]{36}\/v2\.0$/,
      advice:
        'It is `https://login.microsoftonline.com/{tenant id}/v2.0`. `common`, `organizations` and `consumers` let in people of any company, so they are no issuer.',
    },
    notes: [
      'An address counts as verified only with the optional claims `email` and `xms_edov` ("Token configuration").',
      'Groups come as object ids (claim `groups`), and not at all for people in more than 200 of them. App roles (claim `roles`) have names and no such limit.',
    ],
  },
  auth0: {
    title: 'Auth0',
    scopes: OPENID,
    emailVerifiedClaim: 'email_verified',
    againPrompt: 'login',
    issuer: { pattern: /^https:\/\/[^/]+\/$/, advice: 'It ends with a slash: `https://{tenant}.auth0.com/`.' },
    notes: ['Roles need an Action that adds them as a namespaced claim, such as `https://example.com/roles`.'],
  },
  google: {
    title: 'Google',
    scopes: OPENID,
    emailVerifiedClaim: 'email_verified',
    domainClaim: 'hd',
    againPrompt: 'select_account',
    issuer: { pattern: /^https:\/\/accounts\.google\.com$/, advice: 'It is `https://accounts.google.com`.' },
    notes: [
      'Without `domains` everybody with a Google account can sign in.',
      'Google has no groups in its tokens, and no sign-out for applications.',
    ],
  },
  keycloak: {
    title: 'Keycloak',
    scopes: OPENID,
    emailVerifiedClaim: 'email_verified',
    againPrompt: 'login',
    issuer: {
      pattern: /\/realms\/[^/]+$/,
      advice: 'It is `https://{host}/realms/{realm}`, without a slash at the end.',
    },
    notes: [
      'Groups and roles are in the ID token only with a mapper whose "Add to ID token" is on, such as "Group Membership" as `groups`.',
    ],
  },
  generic: {
    title: 'your company account',
    scopes: OPENID,
    emailVerifiedClaim: 'email_verified',
    againPrompt: 'login',
    notes: [],
  },
};

/** What the issuer should look like, when it does not look like that; null: it does. */
export function issuerAdvice({ preset, issuer }: IdentityProviderSettings): string | null {
  const rule = PRESETS[preset].issuer;
  return rule === undefined || rule.pattern.test(issuer) ? null : rule.advice;
}
