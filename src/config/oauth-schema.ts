import * as z from 'zod';
import { PreRegisteredClientSchema } from './declared-client-schema.ts';
import { AssertionIssuerSchema, IdentityProviderSchema, TokenIssuerSchema } from './issuer-schemas.ts';
import { secretText } from './secret-text.ts';
import { refuse } from './text-rules.ts';
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

const clients = z
  .strictObject({
    metadataDocuments: metadataDocuments.prefault({}).describe('Client id metadata documents.'),
    registration: z
      .enum(['open', 'listed', 'token', 'off'])
      .default('open')
      .describe(
        'Who may register a client (RFC 7591): `open`, anybody, which gives nobody access before a person has consented; `listed`, anybody, and clients whose redirects do not all go to `redirectHosts` or to the own machine are `pending` until an admin approves them (`toolgate client approve`); `token`, whoever has `initialAccessToken`; `off`.',
      ),
    redirectHosts: z
      .array(z.string().min(1))
      .default([])
      .describe('Hosts that clients may redirect to without an approval when `registration` is `listed`.'),
    initialAccessToken: secretText()
      .optional()
      .describe('What clients need for registering when `registration` is `token`.'),
    registrationsPerHour: count(1, 1_000_000)
      .default(60)
      .describe('Registrations that one address may make in an hour.'),
    grantsPerClient: count(1, 10_000_000)
      .default(1000)
      .describe(
        'Grants in force that a client which registered itself may have at once. Declared clients, and those of metadata documents, have no such limit.',
      ),
    unusedDays: count(1, 3650)
      .default(90)
      .describe('Days after which a registered client without a grant in force is forgotten.'),
  })
  .superRefine(({ registration, initialAccessToken }, ctx) => {
    if (registration !== 'token' || initialAccessToken !== undefined) return;
    // At the choice and not at what is missing: it is the choice that cannot be kept.
    refuse(
      ctx,
      'Nobody could register: there is no `initialAccessToken`.',
      'Set it, such as to `${env:REGISTRATION_TOKEN}`, or choose `off`.',
      ['registration'],
    );
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
    .superRefine((issuers, ctx) => {
      const [, ...surplus] = issuers.flatMap(({ introspection }, index) =>
        introspection === undefined ? [] : [index],
      );
      for (const index of surplus) {
        refuse(
          ctx,
          'Only one issuer can have `introspection`: a token that is no JWT does not say who issued it.',
          'Remove it here, or let this issuer issue JWTs.',
          [index, 'introspection'],
        );
      }
    })
    .default([])
    .describe('Other authorization servers whose access tokens are accepted.'),
  assertionIssuers: z
    .array(AssertionIssuerSchema)
    .default([])
    .describe('Issuers whose assertions are exchanged for tokens (RFC 7523): ID-JAG and workload identities.'),
});

export type OauthSettings = z.infer<typeof OauthSchema>;
