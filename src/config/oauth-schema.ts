import * as z from 'zod';
import { AssertionIssuerSchema, IdentityProviderSchema, TokenIssuerSchema } from './issuer-schemas.ts';
import { secretText } from './secret-text.ts';
import { checkHttpUrl, checkRedirectUri, refuse } from './text-rules.ts';
import { traits } from './traits.ts';

const count = (min: number, max: number) => z.int().min(min).max(max);

const metadataDocuments = z.strictObject({
  enabled: z.boolean().default(true).describe('Accept clients whose id is the URL of their own metadata document.'),
  domains: z
    .array(z.string().min(1))
    .default([])
    .describe('Only documents of these domains and what is below them. Empty: of any.'),
  deniedDomains: z.array(z.string().min(1)).default([]).describe('No documents of these domains.'),
});

const clients = z.strictObject({
  metadataDocuments: metadataDocuments.prefault({}).describe('Client id metadata documents.'),
  registration: z
    .enum(['open', 'listed', 'token', 'off'])
    .default('open')
    .describe(
      'Who may register a client (RFC 7591): `open`, anybody, which gives nobody access before a person has consented; `listed`, clients whose redirects all go to `redirectHosts` or to the own machine; `token`, whoever has `initialAccessToken`; `off`.',
    ),
  redirectHosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Hosts that clients may redirect to when `registration` is `listed`.'),
  initialAccessToken: secretText()
    .optional()
    .describe('What clients need for registering when `registration` is `token`.'),
  registrationsPerHour: count(1, 1_000_000).default(60).describe('Registrations that one address may make in an hour.'),
  grantsPerClient: count(1, 10_000_000)
    .default(1000)
    .describe('Grants in force that a registered client may have at once.'),
  unusedDays: count(1, 3650)
    .default(90)
    .describe('Days after which a registered client without a grant in force is forgotten.'),
});

/** A client that is declared instead of registering itself. */
export const PreRegisteredClientSchema = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,128}$/)
      .describe('Its `client_id`.'),
    name: z.string().min(1).max(128).describe('How people see it.'),
    redirectUris: z
      .array(z.string().superRefine(checkRedirectUri))
      .default([])
      .describe('Where it may be sent back to, compared character by character; on loopback the port may differ.'),
    authMethod: z
      .enum(['none', 'client_secret_basic', 'private_key_jwt'])
      .default('none')
      .describe('How it proves at the token endpoint who it is.'),
    secret: secretText().optional().describe('For `client_secret_basic`; at least 32 characters.'),
    jwksUri: z
      .string()
      .superRefine(checkHttpUrl)
      .optional()
      .describe('Where its public keys are, for `private_key_jwt`.'),
    jwks: z
      .looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) })
      .register(traits, { type: 'JWK set' })
      .optional()
      .describe('Its public keys themselves.'),
    serviceAccount: z
      .string()
      .min(1)
      .optional()
      .describe('Name of the service account that it acts for in the client credentials grant.'),
    scopes: z.array(z.string().min(1)).default([]).describe('All scopes that it may ever get. Empty: any.'),
  })
  .superRefine((client, ctx) => {
    if ((client.authMethod === 'client_secret_basic') !== (client.secret !== undefined)) {
      refuse(ctx, '`secret` and `authMethod` do not fit.', 'A secret is for `client_secret_basic`, and needed there.', [
        'secret',
      ]);
    }
    const keys = [client.jwks, client.jwksUri].filter((value) => value !== undefined).length;
    if (keys !== (client.authMethod === 'private_key_jwt' ? 1 : 0)) {
      refuse(ctx, 'The keys and `authMethod` do not fit.', '`private_key_jwt` needs one of `jwks` and `jwksUri`.', [
        'jwks',
      ]);
    }
    if (client.serviceAccount !== undefined && client.authMethod === 'none') {
      refuse(ctx, 'A client that acts for a service account has to prove who it is.', 'Choose another `authMethod`.', [
        'authMethod',
      ]);
    }
  });

/** Signing in: the embedded authorization server, and those of the company. */
export const OauthSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('`false`: no sign-in, no tokens of our own; only access keys, and tokens of `tokenIssuers`.')
    .register(traits, { restart: true }),
  issuerPath: z
    .string()
    .regex(/^(?:\/[a-z0-9-]+)*$/)
    .default('')
    .describe('Path of the issuer below `publicUrl`, such as `/t1`; by default the issuer is `publicUrl` itself.')
    .register(traits, { restart: true, default: 'empty' }),
  accessTokenSeconds: count(60, 3600).default(600).describe('Seconds that an access token is valid.'),
  refreshTokenDays: count(1, 3650).default(30).describe('Days without use after which a refresh token is dead.'),
  grantDays: count(1, 3650).default(365).describe('Days after which a person has to consent again.'),
  refreshGraceSeconds: count(0, 300)
    .default(30)
    .describe('Seconds in which a refresh token that was just used gives the same answer again.'),
  wideAudience: z.boolean().default(false).describe('Accept tokens for `/mcp` at `/mcp/{upstream}`, too.'),
  deviceFlow: z
    .boolean()
    .default(false)
    .describe(
      'Sign-in with a code on another device (RFC 8628). Off, because people can be talked into entering a code.',
    ),
  localAccounts: z.boolean().default(true).describe('Sign-in with a password that is kept here.'),
  clients: clients.prefault({}).describe('Which OAuth clients may come.'),
  preRegistered: z.array(PreRegisteredClientSchema).default([]).describe('Clients that need not register.'),
  identityProviders: z.array(IdentityProviderSchema).default([]).describe('Where people sign in: OpenID Connect.'),
  tokenIssuers: z
    .array(TokenIssuerSchema)
    .default([])
    .describe('Other authorization servers whose access tokens are accepted.'),
  assertionIssuers: z
    .array(AssertionIssuerSchema)
    .default([])
    .describe('Issuers whose assertions are exchanged for tokens (RFC 7523): ID-JAG and workload identities.'),
});

export type OauthSettings = z.infer<typeof OauthSchema>;
export type PreRegisteredClient = z.infer<typeof PreRegisteredClientSchema>;
