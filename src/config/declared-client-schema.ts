import * as z from 'zod';
import { secretText } from './secret-text.ts';
import { checkHttpUrl, checkRedirectUri, refuse } from './text-rules.ts';
import { traits } from './traits.ts';

/** What is said about a client that does not register itself, in the configuration file and over the API alike. */
export const declaredClientFields = {
  name: z.string().min(1).max(128).describe('How people see it.'),
  redirectUris: z
    .array(z.string().superRefine(checkRedirectUri))
    .default([])
    .describe('Where it may be sent back to, compared character by character; on loopback the port may differ.'),
  postLogoutRedirectUris: z
    .array(z.string().superRefine(checkRedirectUri))
    .default([])
    .describe('Where people may be sent back to when it signs them out, compared character by character.'),
  authMethod: z
    .enum(['none', 'client_secret_basic', 'private_key_jwt'])
    .default('none')
    .describe('How it proves at the token endpoint who it is.'),
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
  scopes: z.array(z.string().min(1)).default([]).describe('All scopes that it may ever get. Empty: any.'),
};

/** A declared client, wherever it is declared. */
export interface DeclaredClient {
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly authMethod: 'none' | 'client_secret_basic' | 'private_key_jwt';
  readonly jwksUri?: string | undefined;
  readonly jwks?: Readonly<Record<string, unknown>> | undefined;
  readonly scopes: readonly string[];
}

/** What has to fit together. `actsFor`: the service account, if it has one. */
export function checkDeclaredClient(
  client: Pick<DeclaredClient, 'authMethod' | 'jwks' | 'jwksUri'>,
  actsFor: string | undefined,
  ctx: Parameters<typeof refuse>[0],
): void {
  const keys = [client.jwks, client.jwksUri].filter((value) => value !== undefined).length;
  if (keys !== (client.authMethod === 'private_key_jwt' ? 1 : 0)) {
    refuse(ctx, 'The keys and `authMethod` do not fit.', '`private_key_jwt` needs one of `jwks` and `jwksUri`.', [
      'jwks',
    ]);
  }
  if (isPrivate(client.jwks)) {
    refuse(ctx, 'The key set holds a secret key.', 'Give the public keys alone: the others stay with the client.', [
      'jwks',
    ]);
  }
  if (actsFor !== undefined && client.authMethod === 'none') {
    refuse(ctx, 'A client that acts for a service account has to prove who it is.', 'Choose another `authMethod`.', [
      'authMethod',
    ]);
  }
}

/** `d` is the private part of every asymmetric key (RFC 7518 §6), `k` a symmetric one. */
function isPrivate(jwks: DeclaredClient['jwks']): boolean {
  const keys = jwks?.keys;
  return (
    Array.isArray(keys) && keys.some((key) => Object.hasOwn(key as object, 'd') || Object.hasOwn(key as object, 'k'))
  );
}

const { name, redirectUris, postLogoutRedirectUris, authMethod, jwksUri, jwks, scopes } = declaredClientFields;

/** A client that is declared in the configuration file. */
export const PreRegisteredClientSchema = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,128}$/)
      .describe('Its `client_id`.'),
    name,
    redirectUris,
    postLogoutRedirectUris,
    authMethod,
    secret: secretText().optional().describe('For `client_secret_basic`; at least 32 characters.'),
    jwksUri,
    jwks,
    serviceAccount: z
      .string()
      .min(1)
      .optional()
      .describe('Name of the service account that it acts for in the client credentials grant.'),
    scopes,
  })
  .superRefine((client, ctx) => {
    if ((client.authMethod === 'client_secret_basic') !== (client.secret !== undefined)) {
      refuse(ctx, '`secret` and `authMethod` do not fit.', 'A secret is for `client_secret_basic`, and needed there.', [
        'secret',
      ]);
    }
    checkDeclaredClient(client, client.serviceAccount, ctx);
  });

export type PreRegisteredClient = z.infer<typeof PreRegisteredClientSchema>;
