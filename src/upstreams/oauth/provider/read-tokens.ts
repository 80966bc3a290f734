import * as z from 'zod';
import { Secret } from '../../../lib/secret.ts';
import { adviceFor, errorKind } from './error-kind.ts';
import { memberOf } from './member-of.ts';
import type { Preset } from './preset.ts';
import type { Provider, TokenSet } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';
import { type ProviderAnswer, readAnswer } from './read-answer.ts';

const TEN_YEARS = 10 * 365 * 24 * 3600;

const seconds = z.coerce
  .number()
  .nonnegative()
  .transform((value) => Math.min(value, TEN_YEARS));

/** RFC 6749 §5.1. Tokens go into headers and forms, so that their characters count (appendix A.12 and A.17). */
const TokenAnswerSchema = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  token_type: z.string().max(64),
  expires_in: seconds.nullish(),
  refresh_token: z
    .string()
    .regex(/^[\x20-\x7e]{0,16384}$/)
    .nullish(),
  scope: z.union([z.string().max(16_384), z.array(z.string().max(256)).max(200)]).nullish(),
  /** Of Keycloak, and of GitHub and Google. 0: for as long as it is used. */
  refresh_expires_in: seconds.nullish().catch(null),
  refresh_token_expires_in: seconds.nullish().catch(null),
});

export interface ReadTokensOptions {
  readonly provider: Provider;
  readonly preset: Preset | null;
  /** When the request was sent, in milliseconds since the epoch: lifetimes count from then. */
  readonly sentAt: number;
  /** What the tokens have when the answer does not say (RFC 6749 §5.1). */
  readonly askedScopes: readonly string[];
  /** Stays in use when the answer brings no other one. */
  readonly refreshToken: Secret | null;
  /** What was sent, and must not come back in a message. */
  readonly secrets: readonly (Secret | null)[];
}

/**
 * Reads an answer of a token endpoint, and checks all of it that is used.
 *
 * @returns the tokens, and the answer for whoever looks for an account in it
 * @throws ProviderFailure by the error that the provider says
 */
export async function readTokens(
  response: Response,
  options: ReadTokensOptions,
): Promise<{ tokens: TokenSet; body: Readonly<Record<string, unknown>> }> {
  const { provider, preset, sentAt } = options;
  const who = quoted(provider.issuer);
  const answer = await readAnswer(response, who);
  if (answer.error !== null || answer.status >= 400) throw tokenFailure(answer, options);
  const read = TokenAnswerSchema.safeParse(answer.body);
  if (!read.success) {
    const member = read.error.issues[0]?.path.join('.') ?? '';
    throw new ProviderFailure('protocol', `${who} answers with tokens that cannot be used: look at \`${member}\`.`);
  }
  const { data } = read;
  const type = data.token_type.toLowerCase();
  if (type !== 'bearer' && !preset?.tokenTypes?.includes(type)) {
    throw new ProviderFailure(
      'protocol',
      `${who} gives out tokens of the type ${quoted(type)}, and not Bearer tokens.`,
    );
  }
  const until = (lifetime: number | null | undefined): number | null =>
    lifetime == null ? null : sentAt + Math.floor(lifetime * 1000);
  const body = answer.body!;
  const tokens = {
    accessToken: new Secret(data.access_token),
    refreshToken: data.refresh_token ? new Secret(data.refresh_token) : options.refreshToken,
    // Who says 0 means nothing by it: a token that is over when it comes would have to be replaced at every call.
    expiresAt: until(data.expires_in || null),
    refreshExpiresAt: data.refresh_token
      ? until(data.refresh_token_expires_in || data.refresh_expires_in || null)
      : null,
    scopes: scopesIn(data.scope, body, options),
    account: null,
  };
  return { tokens, body };
}

function scopesIn(
  said: string | readonly string[] | null | undefined,
  body: Readonly<Record<string, unknown>>,
  { preset, askedScopes }: ReadTokensOptions,
): string[] {
  const text = said ?? (preset?.scopeMember === undefined ? null : memberOf(body, preset.scopeMember));
  if (text == null) return [...askedScopes];
  const parts = typeof text === 'string' ? text.split(preset?.commas === undefined ? ' ' : /[ ,]/) : text;
  return [...new Set(parts.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(scope)))].slice(0, 200);
}

function tokenFailure(answer: ProviderAnswer, { provider, preset, secrets }: ReadTokensOptions): ProviderFailure {
  const who = quoted(provider.issuer);
  const { error, description, status } = answer;
  if (error === null) {
    // RFC 6749 §5.2: 401 is about the client. Without a word, all else says nothing.
    if (status === 401) return new ProviderFailure('invalid_client', `${who} does not accept the client (401).`);
    return new ProviderFailure('protocol', `The token endpoint of ${who} answers ${status}.`);
  }
  const said = quoted(description === null ? error : `${error}: ${description}`, secrets);
  return new ProviderFailure(errorKind(error, preset), `${who} refuses: ${said}.${adviceFor(error, description)}`);
}
