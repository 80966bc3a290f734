import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client';
import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Claims } from '../../tokens/claim-rules.ts';
import { PRESETS } from './presets.ts';
import { type ProviderClient, refusesClient } from './provider-client.ts';

/** What is kept here while a person is at the provider. */
export interface LoginSecrets {
  readonly nonce: string;
  readonly verifier: string;
}

/** Who came back. */
export interface ProviderLogin {
  readonly issuer: string;
  readonly subject: string;
  /** Of the ID token, and of the UserInfo endpoint what is missing there. */
  readonly claims: Claims;
  readonly idToken: string;
  /** The provider's id for the session, for ending it from there. */
  readonly sessionId: string | null;
  /** How the person proved who they are, as far as the provider says (RFC 8176). */
  readonly methods: readonly string[];
}

export const newLoginSecrets = (): LoginSecrets => ({ nonce: randomNonce(), verifier: randomPKCECodeVerifier() });

/** Where the person goes. Always with PKCE, state and nonce. */
export async function loginUrl(
  client: ProviderClient,
  login: LoginSecrets & { readonly state: string; readonly redirectUri: string; readonly again: boolean },
): Promise<URL> {
  const { settings } = client;
  const preset = PRESETS[settings.preset];
  const configuration = await client.configuration();
  const offered = configuration.serverMetadata().scopes_supported ?? [];
  const optional = (preset.optionalScopes ?? []).filter((scope) => offered.includes(scope));
  const scopes = new Set([...preset.scopes, ...optional, ...(settings.scopes ?? [])]);
  return buildAuthorizationUrl(configuration, {
    redirect_uri: login.redirectUri,
    scope: [...scopes].join(' '),
    state: login.state,
    nonce: login.nonce,
    code_challenge: await calculatePKCECodeChallenge(login.verifier),
    code_challenge_method: 'S256',
    ...(login.again && { prompt: preset.againPrompt }),
    // Lets Google offer the accounts of the company only; who may come is checked afterwards all the same.
    ...(preset.domainClaim === 'hd' && settings.domains.length === 1 && { hd: settings.domains[0]! }),
  });
}

/**
 * Redeems the code. Checked on the way: state, issuer of the answer (RFC 9207), and of the ID token signature, issuer,
 * audience, times and nonce. Throws AppError `sign_in_refused` when the provider or the person said no,
 * `identity_provider_failed` for everything else; the cause says what.
 */
export async function finishLogin(
  client: ProviderClient,
  answer: URL,
  { state, nonce, verifier }: LoginSecrets & { readonly state: string },
): Promise<ProviderLogin> {
  const configuration = await client.configuration();
  try {
    const tokens = await authorizationCodeGrant(configuration, answer, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    const idClaims = tokens.claims()!;
    const claims = await completeClaims(configuration, client.settings, idClaims, tokens.access_token);
    return {
      issuer: idClaims.iss,
      subject: idClaims.sub,
      claims,
      idToken: tokens.id_token!,
      sessionId: typeof idClaims.sid === 'string' ? idClaims.sid : null,
      methods: textsOf(idClaims.amr),
    };
  } catch (error) {
    if (refusesClient(error)) client.forget();
    throw explain(error);
  } finally {
    client.rememberKeys(configuration);
  }
}

/** Asks the UserInfo endpoint for claims that are looked at and are not in the ID token ("thin" ID tokens). */
async function completeClaims(
  configuration: Configuration,
  settings: IdentityProviderSettings,
  claims: Claims & { readonly sub: string },
  accessToken: string,
): Promise<Claims> {
  const wanted = ['email', ...settings.rules.map(({ claim }) => claim)];
  const missing = wanted.some((name) => !Object.hasOwn(claims, name) && !Object.hasOwn(claims, name.split('.')[0]!));
  if (!missing || configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
  // What the ID token says counts: it is signed.
  return { ...(await fetchUserInfo(configuration, accessToken, claims.sub)), ...claims };
}

const REFUSALS: ReadonlySet<string> = new Set([
  'access_denied',
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]);

function explain(error: unknown): AppError {
  if (error instanceof AuthorizationResponseError && REFUSALS.has(error.error)) {
    return new AppError('sign_in_refused', 'The identity provider did not complete the sign-in.', { cause: error });
  }
  return new AppError('identity_provider_failed', undefined, { cause: error });
}

/** Where the person signs out at the provider; null when it has no such page. */
export async function logoutUrl(
  client: ProviderClient,
  idToken: string | null,
  returnTo: string,
): Promise<string | null> {
  const configuration = await client.configuration();
  if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
  return buildEndSessionUrl(configuration, {
    post_logout_redirect_uri: returnTo,
    ...(idToken !== null && { id_token_hint: idToken }),
  }).href;
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.filter((one): one is string => typeof one === 'string' && one.length <= 32).slice(0, 8)
    : [];
