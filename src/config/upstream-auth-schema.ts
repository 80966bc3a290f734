import * as z from 'zod';
import { PROVIDER_PRESETS } from '../model/upstream.ts';
import { checkHeaderName, checkHeaderTemplate, checkTemplate } from './header-rules.ts';
import { checkIssuer, refuse } from './text-rules.ts';
import { traits } from './traits.ts';

type Context = z.core.$RefinementCtx<unknown>;

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const scopesField = (description: string) =>
  z
    .array(
      z.string().superRefine((scope, ctx) => {
        if (!SCOPE.test(scope)) refuse(ctx, 'This is not one scope.', 'Write each scope as an entry of its own.');
      }),
    )
    .min(1)
    .optional()
    .describe(description)
    .register(traits, { default: 'what the upstream asks for' });

/** What all ways to a token have in common. */
const provider = {
  preset: z
    .enum(PROVIDER_PRESETS)
    .optional()
    .describe('A provider whose particulars are known: its scopes and what else differs there.'),
  issuer: z
    .string()
    .superRefine(checkIssuer)
    .optional()
    .describe('The one authorization server that is used, exactly as it writes itself in its metadata.')
    .register(traits, { type: 'URL', default: 'the one that the upstream names' }),
  clientSecret: z
    .string()
    .superRefine((secret, ctx) => checkHeaderTemplate(secret, ctx, []))
    .optional()
    .describe('The secret of the client. Without it here it is the entry `client-secret` of the vault.')
    .register(traits, { type: '`${env:NAME}` or `${vault:NAME}`' }),
  clientKey: z
    .string()
    .min(1)
    .superRefine((key, ctx) => checkTemplate(key, ctx, []))
    .optional()
    .describe(
      'The private key of the client, PEM (PKCS #8) or JWK, for `private_key_jwt`. Without it here it is the entry `client-key` of the vault.',
    )
    .register(traits, { type: '`${env:NAME}` or `${vault:NAME}`' }),
  authMethod: z
    .enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'])
    .optional()
    .describe('How the client proves itself at the token endpoint.')
    .register(traits, {
      default:
        '`private_key_jwt` with `clientKey`, `client_secret_basic` with `clientSecret` or for `clientCredentials`, else `none`',
    }),
  scopes: scopesField('Exactly these scopes, no others.'),
  sendResource: z
    .boolean()
    .optional()
    .describe('Whether the parameter `resource` (RFC 8707) is sent, which a few providers refuse.')
    .register(traits, { default: 'as the preset says, else `true`' }),
  reach: z
    .enum(['public', 'internal', 'loopback'])
    .default('public')
    .describe(
      'How far requests for metadata and tokens may go: `public` addresses only; `internal`: also private networks; `loopback`: also this machine, with http, for development.',
    ),
};

/** Of the kinds without a browser. A provider that let strangers register for these would let everybody in. */
const ownId = z
  .string()
  .min(1)
  .describe(
    'Register a client for the gateway at the provider, allow it this grant there, and write its id here: it cannot register itself for that.',
  );
const clientId = z
  .string()
  .min(1)
  .optional()
  .describe('The client id that the provider gave the gateway.')
  .register(traits, { default: 'the gateway registers itself' });

interface Provider {
  readonly issuer?: string | undefined;
  readonly reach: string;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly authMethod?: string | undefined;
}

/** What is said of provider and client has to fit together; nothing is silently left unused. */
function checkProvider({ clientId, clientSecret, clientKey, authMethod, issuer, reach }: Provider, ctx: Context): void {
  if (issuer?.startsWith('http:') && reach !== 'loopback') {
    const fix = 'Add `reach: loopback` for development, or use https.';
    refuse(ctx, 'This machine is out of reach for metadata and tokens.', fix, ['issuer']);
  }
  const given = { clientSecret, clientKey, authMethod };
  for (const [key, value] of Object.entries(given)) {
    if (clientId !== undefined || value === undefined) continue;
    refuse(ctx, `\`${key}\` is of a client, and there is no \`clientId\`.`, 'Add the `clientId`, or remove this.', [
      key,
    ]);
    return;
  }
  if (clientSecret !== undefined && clientKey !== undefined) {
    refuse(ctx, 'Both `clientSecret` and `clientKey` are set.', 'A client proves itself in one way: keep one.', [
      'clientKey',
    ]);
  } else if (clientSecret !== undefined && !(authMethod ?? 'client_secret').startsWith('client_secret')) {
    const fix = 'Write `client_secret_basic` or `client_secret_post`, or remove the secret.';
    refuse(ctx, 'This does not use the `clientSecret`.', fix, ['authMethod']);
  } else if (clientKey !== undefined && (authMethod ?? 'private_key_jwt') !== 'private_key_jwt') {
    refuse(ctx, 'This does not use the `clientKey`.', 'Write `private_key_jwt`, or remove the key.', ['authMethod']);
  }
}

const oauth = z
  .strictObject({
    owner: z
      .enum(['user', 'shared'])
      .default('user')
      .describe('`user`: everybody connects their own account. `shared`: an administrator connects one for all.'),
    clientId,
    ...provider,
    scopes: scopesField(
      'Exactly these scopes, no others: with `offline_access` among them where the provider gives refresh tokens for that alone.',
    ),
    readOnly: z.boolean().default(false).describe('Ask for the read-only scopes of the `preset`.'),
  })
  .superRefine((entry, ctx) => {
    checkProvider(entry, ctx);
    if (!entry.readOnly) return;
    if (entry.scopes !== undefined) {
      refuse(ctx, '`scopes` already says which.', 'Keep one of `scopes` and `readOnly`.', ['readOnly']);
    } else if (entry.preset === undefined) {
      const fix = 'Add the `preset`, or write the `scopes` out.';
      refuse(ctx, 'Which scopes only read is known of presets alone.', fix, ['readOnly']);
    }
  });

const clientCredentials = z.strictObject({ clientId: ownId, ...provider }).superRefine((entry, ctx) => {
  checkProvider(entry, ctx);
  if (entry.authMethod !== 'none') return;
  const fix = 'Write another method; whoever knows the client id would be the gateway.';
  refuse(ctx, 'Here the client is the account, so it has to prove itself.', fix, ['authMethod']);
});

const tokenExchange = z
  .strictObject({
    grant: z
      .enum(['token-exchange', 'id-jag'])
      .default('token-exchange')
      .describe(
        '`token-exchange`: a token about the person is exchanged for one of the upstream (RFC 8693). `id-jag`: it is exchanged for an assertion that the upstream’s authorization server takes (enterprise-managed authorization).',
      ),
    identityProvider: z
      .string()
      .min(1)
      .optional()
      .describe('Name of the one of `oauth.identityProviders` that vouches for the person.')
      .register(traits, { default: 'the gateway vouches itself' }),
    audience: z.string().min(1).optional().describe('The `audience` to ask for, where the provider wants one.'),
    clientId: ownId,
    ...provider,
  })
  .superRefine(checkProvider);

const headers = z
  .record(z.string(), z.string())
  .superRefine((headers, ctx) => {
    const seen = new Set<string>();
    for (const [name, value] of Object.entries(headers)) {
      if (seen.has(name.toLowerCase())) refuse(ctx, 'This header is already set above.', 'Keep one.', [name]);
      seen.add(name.toLowerCase());
      checkHeaderName(name, ctx, [name]);
      checkHeaderTemplate(value, ctx, [name]);
    }
    if (seen.size === 0) refuse(ctx, 'There is no header here.', 'Add one, or write `auth: none`.');
  })
  .optional()
  .describe('One shared set of headers. Values may refer to `${env:NAME}` and `${vault:NAME}`.')
  .register(traits, { type: 'map of header to value' });

/** The credential of an upstream on the network: at most one of these. */
export const UpstreamAuthSchema = z
  .preprocess(
    (value) => (value === 'none' ? {} : value),
    z
      .strictObject({
        headers,
        headersPerUser: z
          .array(z.string().superRefine((name, ctx) => void checkHeaderName(name, ctx)))
          .min(1)
          .optional()
          .describe('Names of headers whose values are stored in the vault for each user.'),
        oauth: oauth.optional().describe('Accounts that are connected in the browser, and kept connected.'),
        clientCredentials: clientCredentials
          .optional()
          .describe('Tokens that the gateway gets for itself, as a client that is registered at the provider.'),
        tokenExchange: tokenExchange
          .optional()
          .describe('Tokens for each person, in exchange for a statement of who they are. Nobody connects anything.'),
      })
      .superRefine((value, ctx) => {
        const set = Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [`\`${key}\``]));
        if (set.length < 2) return;
        const both = set.length === 2 ? 'Both ' : '';
        refuse(ctx, `${both}${set.join(' and ')} are set.`, 'Keep the one that this upstream needs.');
      }),
  )
  .prefault('none')
  .describe('The credential that the gateway sends in place of the caller’s: `none`, or one of those below.')
  .register(traits, { type: '`none` or map', default: '`none`' });

export type UpstreamAuthEntry = z.output<typeof UpstreamAuthSchema>;
