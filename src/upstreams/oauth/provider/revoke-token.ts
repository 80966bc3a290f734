import * as oauth from 'oauth4webapi';
import type { Secret } from '../../../lib/secret.ts';
import { clientAuthentication } from './client-authentication.ts';
import { errorKind } from './error-kind.ts';
import { libraryOptions } from './library-options.ts';
import type { OwnRevocation, Provider, ProviderClient, ProviderFetch } from './provider.ts';
import { ProviderFailure, quoted, unanswered } from './provider-failure.ts';
import { type ProviderAnswer, readAnswer } from './read-answer.ts';

export interface RevokeOptions {
  readonly provider: Provider;
  readonly client: ProviderClient;
  readonly token: Secret;
  readonly hint: 'refresh_token' | 'access_token';
  readonly fetch: ProviderFetch;
}

/**
 * Ends a token at the provider (RFC 7009, or its own way). A token that it does not know any more is `revoked`. With a
 * refresh token most providers end the whole grant; where revocation is their own API, only access tokens can be ended.
 *
 * @returns `unsupported`: it cannot be told, and the token lives until it expires
 * @throws ProviderFailure: `transient` is worth another try
 */
export async function revokeToken(options: RevokeOptions): Promise<'revoked' | 'unsupported'> {
  const { provider, client, token, hint, fetch } = options;
  const own = provider.ownRevocation;
  if (own !== undefined) return hint === 'access_token' ? revokeOwn(own, options) : 'unsupported';
  if (provider.server.revocation_endpoint === undefined) return 'unsupported';
  const authentication = await clientAuthentication(provider, client);
  const reach = new URL(provider.server.revocation_endpoint).protocol === 'http:' ? 'loopback' : 'public';
  const response = await oauth
    .revocationRequest(provider.server, { client_id: client.id }, authentication, token.reveal(), {
      ...libraryOptions(reach, fetch),
      additionalParameters: { token_type_hint: hint },
    })
    .catch((error) => {
      throw unanswered(error, `The revocation endpoint of ${quoted(provider.issuer)}`);
    });
  const answer = await readAnswer(response, `The revocation endpoint of ${quoted(provider.issuer)}`);
  if (answer.status < 300 && answer.error === null) return 'revoked';
  if (answer.error === 'unsupported_token_type') return 'unsupported';
  // RFC 7009 §2.2 answers 200 for a token that is gone already; Google and others do not.
  if (answer.error === 'invalid_token' || answer.error === 'invalid_grant') return 'revoked';
  throw refusal(answer, options);
}

/** Of providers whose API has to be asked instead. */
async function revokeOwn(own: OwnRevocation, options: RevokeOptions): Promise<'revoked' | 'unsupported'> {
  const { provider, client, token, fetch } = options;
  const secret = client.secret?.reveal();
  if (own.style === 'github' && secret === undefined) return 'unsupported';
  // Refuses a client that is bound elsewhere, as the secret goes along.
  await clientAuthentication(provider, client);
  const basic = Buffer.from(`${client.id}:${secret}`).toString('base64');
  const request =
    own.style === 'github'
      ? { method: 'DELETE', authorization: `Basic ${basic}`, body: JSON.stringify({ access_token: token.reveal() }) }
      : { method: 'POST', authorization: `Bearer ${token.reveal()}`, body: '{}' };
  const headers = {
    accept: 'application/json',
    authorization: request.authorization,
    'content-type': 'application/json',
    'user-agent': 'toolgate',
  };
  const url = own.url.replace('{client}', encodeURIComponent(client.id));
  const { method, body } = request;
  const response = await fetch(url, { method, headers, body, redirect: 'manual' }).catch((error) => {
    throw unanswered(error, `The API of ${quoted(provider.issuer)}`);
  });
  const answer = await readAnswer(response, `The API of ${quoted(provider.issuer)}`);
  const gone = own.style === 'github' ? answer.status === 404 : GONE_AT_SLACK.has(answer.error ?? '');
  if (gone || (answer.status < 300 && answer.error === null)) return 'revoked';
  throw refusal(answer, options);
}

const GONE_AT_SLACK: ReadonlySet<string> = new Set([
  'invalid_auth',
  'token_revoked',
  'token_expired',
  'account_inactive',
]);

function refusal(
  { status, error, description }: ProviderAnswer,
  { provider, client, token }: RevokeOptions,
): ProviderFailure {
  const who = quoted(provider.issuer);
  if (error === null) {
    return new ProviderFailure(
      status === 401 ? 'invalid_client' : 'protocol',
      `${who} answers ${status} to a revocation.`,
    );
  }
  const said = quoted(description === null ? error : `${error}: ${description}`, [token, client.secret]);
  return new ProviderFailure(errorKind(error, null), `${who} revokes nothing: ${said}.`);
}
