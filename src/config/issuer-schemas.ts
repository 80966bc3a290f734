import * as z from 'zod';
import { secretText } from './secret-text.ts';
import { checkIssuer, refuse } from './text-rules.ts';
import { traits } from './traits.ts';

/** What a claim gives to whoever has it. */
export const ClaimRuleSchema = z
  .strictObject({
    claim: z
      .string()
      .min(1)
      .describe(
        'Name of the claim; a dot leads into an object, such as `realm_access.roles`. A list matches by any entry.',
      ),
    equals: z.string().optional().describe('The value it must have.'),
    matches: z.string().min(1).optional().describe('Or a glob that the value must match.'),
    roles: z.array(z.string().min(1)).default([]).describe('Roles that this gives.'),
    groups: z.array(z.string().min(1)).default([]).describe('Groups that this gives.'),
  })
  .superRefine((rule, ctx) => {
    if ((rule.equals === undefined) === (rule.matches === undefined)) {
      refuse(ctx, 'A rule has either `equals` or `matches`.', 'Keep one of them; `matches: "*"` is every value.');
    }
    if (rule.roles.length + rule.groups.length === 0) {
      refuse(ctx, 'This rule gives nothing.', 'Add `roles` or `groups`.');
    }
  });

const issuer = () => z.string().superRefine(checkIssuer);

const title = z
  .string()
  .regex(/^[a-z0-9-]{1,32}$/)
  .describe('1 to 32 of a–z, 0–9 and `-`; unique. Part of the redirect URI: `{publicUrl}/sign-in/callback/{name}`.');

export const IdentityProviderSchema = z.strictObject({
  name: title,
  title: z.string().min(1).max(64).optional().describe('What stands on the button.'),
  preset: z
    .enum(['okta', 'entra', 'auth0', 'google', 'keycloak', 'generic'])
    .default('generic')
    .describe('What is particular about it.'),
  issuer: issuer().describe('Exactly as the provider writes it in its metadata.'),
  clientId: z.string().min(1).describe('The client id that the provider gave the gateway.'),
  clientSecret: secretText().optional().describe('Its secret, if it has one.'),
  scopes: z.array(z.string().min(1)).optional().describe('Scopes to ask for, beside those of the preset.'),
  domains: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Only people with a verified address of exactly these e-mail domains. Empty: everybody whom the provider knows.',
    ),
  createAccounts: z
    .boolean()
    .default(true)
    .describe('Make an account for people who come for the first time. `false`: only those who were added before.'),
  linkByEmail: z
    .boolean()
    .default(false)
    .describe(
      'Let it sign in to existing accounts by their verified e-mail address. Only for a provider that owns `domains`.',
    ),
  logoutEndsGrants: z
    .boolean()
    .default(false)
    .describe(
      'When the provider signs somebody out (back-channel logout), end also what they allowed clients after having signed in there: in the session that the provider names, or in all where it names a person alone. `false`: their agents go on working, as after signing out here.',
    ),
  rules: z.array(ClaimRuleSchema).default([]).describe('What the claims of the ID token give.'),
});

const introspection = z.strictObject({
  endpoint: issuer().describe('The introspection endpoint (RFC 7662).'),
  clientId: z.string().min(1).describe('The client id of the gateway there.'),
  clientSecret: secretText().describe('Its secret there.'),
});

export const TokenIssuerSchema = z.strictObject({
  issuer: issuer().describe('Exactly as it stands in the `iss` of its tokens.'),
  jwksUri: issuer().optional().describe('Where its keys are. By default from its metadata.'),
  introspection: introspection.optional().describe('For tokens that are no JWT.'),
  audiences: z
    .record(z.string(), z.string().regex(/^\/mcp(?:\/[a-z0-9-]{1,32})?$/))
    .refine((map) => Object.keys(map).length > 0, 'Name at least one audience.')
    .describe(
      'Which resource a token is for: from its `aud` to `/mcp` or `/mcp/{upstream}`. No other `aud` is accepted.',
    )
    .register(traits, { type: 'map of audience to path' }),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'ES256'])
    .describe('Signature algorithms that are accepted.'),
  principalClaim: z
    .string()
    .min(1)
    .default('sub')
    .describe('The claim that identifies the principal, together with the issuer.'),
  nameClaim: z.string().min(1).optional().describe('The claim to name a new account by.'),
  clientClaim: z
    .string()
    .min(1)
    .default('azp')
    .describe('The claim that names the client; `client_id` is used without it.'),
  defaultScopes: z
    .array(z.string().regex(/^mcp(?::|$)/, 'Scopes of the gateway begin with `mcp`.'))
    .default([])
    .describe('Scopes of tokens that name none of ours, such as `mcp`. Empty: such a token opens nothing.'),
  createAccounts: z.boolean().default(false).describe('Make an account for principals that come for the first time.'),
  rules: z.array(ClaimRuleSchema).default([]).describe('What the claims of a token give.'),
});

const workloadRule = z.strictObject({
  subject: z.string().min(1).describe('A glob that the `sub` must match, such as `repo:acme/app:ref:refs/heads/main`.'),
  claims: z.record(z.string(), z.string()).default({}).describe('Globs that further claims must match.'),
  serviceAccount: z.string().min(1).describe('Name of the service account that it then acts for.'),
  scopes: z.array(z.string().min(1)).default([]).describe('All scopes that it may get. Empty: any.'),
});

export const AssertionIssuerSchema = z
  .strictObject({
    issuer: issuer().describe('Exactly as it stands in the `iss` of its assertions.'),
    kind: z
      .enum(['id-jag', 'workload'])
      .describe('`id-jag`: for people, from the company’s IdP. `workload`: for machines.'),
    jwksUri: issuer().optional().describe('Where its keys are. By default from its metadata.'),
    clients: z
      .array(z.string().min(1))
      .default([])
      .describe('Client ids that may use its assertions. Empty: any known client.'),
    createAccounts: z
      .boolean()
      .default(false)
      .describe('`id-jag`: make an account for people who come for the first time.'),
    rules: z
      .array(workloadRule)
      .default([])
      .describe('`workload`: whom a machine acts for. The first rule that matches counts.'),
  })
  .superRefine((entry, ctx) => {
    if (entry.kind === 'workload' && entry.rules.length === 0) {
      refuse(ctx, 'No rule says whom these machines act for.', 'Add `rules`.', ['rules']);
    }
  });

export type ClaimRule = z.infer<typeof ClaimRuleSchema>;
export type IdentityProviderSettings = z.infer<typeof IdentityProviderSchema>;
export type AssertionIssuerSettings = z.infer<typeof AssertionIssuerSchema>;
