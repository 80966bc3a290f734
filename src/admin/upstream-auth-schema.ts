import * as z from 'zod';
import { checkHeaderName } from '../config/header-rules.ts';
import { checkIssuer } from '../config/text-rules.ts';
import { PROVIDER_PRESETS } from '../model/upstream.ts';

const headerNames = z
  .array(z.string().superRefine((name, ctx) => void checkHeaderName(name, ctx)))
  .min(1, 'Name at least one header.')
  .max(20)
  .refine((names) => new Set(names.map((name) => name.toLowerCase())).size === names.length, 'A header stands twice.');

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
const clientId = z
  .string()
  .regex(/^[\x20-\x7e]{1,512}$/, 'A client id has 1 to 512 ASCII characters.')
  .describe('As the provider gave it to the gateway.');

const exchange = z.strictObject({
  grant: z
    .enum(['token-exchange', 'id-jag'])
    .default('token-exchange')
    .describe('RFC 8693, or enterprise-managed authorization (ID-JAG).'),
  subject: z
    .enum(['gateway', 'identity-provider'])
    .default('gateway')
    .describe('Who vouches for the person: the gateway, or the identity provider that they signed in with.'),
  provider: z.string().min(1).max(64).nullable().default(null).describe('Name of that identity provider.'),
  audience: z.string().min(1).max(2000).nullable().default(null).describe('`audience` to ask for.'),
});

const providerFields = {
  preset: z
    .enum(PROVIDER_PRESETS)
    .nullable()
    .default(null)
    .describe('A provider whose particulars are known: its scopes and what else differs there.'),
  issuer: z
    .string()
    .max(2000)
    .superRefine((issuer, ctx) => checkIssuer(issuer, ctx))
    .nullable()
    .default(null)
    .describe('The one authorization server that is used. Null: the one that the upstream names.'),
  scopes: z
    .array(z.string().regex(SCOPE, 'This is not one scope.'))
    .min(1, 'Name at least one scope, or leave this out.')
    .max(100)
    .nullable()
    .default(null)
    .describe('Exactly these. Null: what the upstream asks for.'),
  readOnly: z.boolean().default(false).describe('The read-only scopes of the preset.'),
  sendResource: z
    .boolean()
    .nullable()
    .default(null)
    .describe('Whether `resource` (RFC 8707) is sent. Null: as the preset says, else true.'),
  reach: z
    .enum(['public', 'internal', 'loopback'])
    .default('public')
    .describe('How far requests for metadata and tokens may go. `loopback` is for development.'),
};

const anyAuthMethod = z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']).default('none');
const client = z
  .strictObject({ id: clientId, authMethod: anyAuthMethod })
  .nullable()
  .default(null)
  .describe(
    'Registered at the provider by hand; null: the gateway registers itself. Its secret goes to the vault with `PUT /upstreams/{name}/credential`, as `client-secret` or `client-key`.',
  );

interface ScopeChoice {
  readonly preset: string | null;
  readonly scopes: string[] | null;
  readonly readOnly: boolean;
}
const knowsReadOnly = ({ preset, scopes, readOnly }: ScopeChoice) => !readOnly || (preset !== null && scopes === null);
const READ_ONLY = {
  message: 'Only presets know their read-only scopes. Set `preset`, or write `scopes` out.',
  path: ['readOnly'],
};

/** What a kind without a browser is told when its client is missing. */
const ownClient = (issue: { readonly input?: unknown }): string | undefined =>
  issue.input === undefined || issue.input === null
    ? 'Register a client for the gateway at the provider, allow it this grant there, and give its `id` here: the gateway cannot register itself for that.'
    : undefined;

const people = z
  .strictObject({ ...providerFields, client, exchange: z.null().default(null) })
  .refine(knowsReadOnly, READ_ONLY);
const machines = z
  .strictObject({
    ...providerFields,
    client: z
      .strictObject(
        {
          id: clientId,
          authMethod: z
            .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
            .default('client_secret_basic'),
        },
        { error: ownClient },
      )
      .describe('The client that the gateway is there. Its secret goes to the vault.'),
    exchange: z.null().default(null),
  })
  .refine(knowsReadOnly, READ_ONLY);
const exchanged = z
  .strictObject({
    ...providerFields,
    client: z
      .strictObject({ id: clientId, authMethod: anyAuthMethod }, { error: ownClient })
      .describe('The client that the gateway is there. Its secret goes to the vault.'),
    exchange: exchange
      .refine(({ subject, provider }) => (subject === 'identity-provider') === (provider !== null), {
        message: '`provider` goes with `subject: identity-provider`, and with that alone.',
        path: ['provider'],
      })
      .prefault({}),
  })
  .refine(knowsReadOnly, READ_ONLY);

/** `auth` of an upstream: names and settings; values and tokens are never here. */
export const UpstreamAuthField = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('headers'), names: headerNames }),
    z.strictObject({ kind: z.literal('headers-per-user'), names: headerNames }),
    z.strictObject({ kind: z.literal('oauth-shared'), oauth: people.prefault({}) }),
    z.strictObject({ kind: z.literal('oauth-per-user'), oauth: people.prefault({}) }),
    z.strictObject({ kind: z.literal('client-credentials'), oauth: machines }),
    z.strictObject({ kind: z.literal('token-exchange'), oauth: exchanged }),
  ])
  .describe(
    'What the gateway sends in place of the caller’s credential. `headers`: one shared set, `headers-per-user`: one per principal; names only, values go to the vault with `PUT /upstreams/{name}/credential`. `oauth-shared`: an account that an administrator connects; `oauth-per-user`: accounts that people connect; `client-credentials`: the gateway itself; `token-exchange`: a token for each person that nobody has to connect.',
  )
  .meta({ id: 'UpstreamAuth' });

/** The same as it is shown, with everything filled in. */
export const UpstreamAuthView = z
  .object({
    kind: z.enum([
      'none',
      'headers',
      'headers-per-user',
      'oauth-shared',
      'oauth-per-user',
      'client-credentials',
      'token-exchange',
    ]),
    names: z.array(z.string()).optional().describe('Of headers.'),
    oauth: z
      .object({
        preset: z.string().nullable(),
        issuer: z.string().nullable(),
        client: z.object({ id: z.string(), authMethod: z.string() }).nullable(),
        scopes: z.array(z.string()).nullable(),
        readOnly: z.boolean(),
        sendResource: z.boolean().nullable(),
        reach: z.enum(['public', 'internal', 'loopback']),
        exchange: z
          .object({
            grant: z.enum(['token-exchange', 'id-jag']),
            subject: z.enum(['gateway', 'identity-provider']),
            provider: z.string().nullable(),
            audience: z.string().nullable(),
          })
          .nullable(),
      })
      .optional()
      .describe('Of tokens.'),
  })
  .meta({ id: 'UpstreamAuthView' });
