import { AppError } from '../../../errors/app-error.ts';
import { createLru, type Lru } from '../../../lib/lru.ts';
import type { Secret } from '../../../lib/secret.ts';
import { sha256Hex } from '../../../lib/sha256.ts';
import { isOauth, type Upstream, type UpstreamExchange, type UpstreamOauth } from '../../../model/upstream.ts';
import type { ConnectionOwner } from '../connection-owner.ts';
import type { Challenge } from '../provider/challenge.ts';
import type { ProviderFetch, TokenSet } from '../provider/provider.ts';
import { ProviderFailure } from '../provider/provider-failure.ts';
import { scopesFor } from '../provider/scopes-for.ts';
import type { UpstreamClients } from '../upstream-clients.ts';
import { AFTER_REFUSAL_AGE_MS, type OauthUpstream, presetOf, type UpstreamProviders } from '../upstream-providers.ts';
import { clientCredentialsTokens } from './client-credentials.ts';
import type { GatewayAssertions } from './gateway-assertions.ts';

import { idJagTokens } from './id-jag.ts';
import type { GrantRequest } from './request-token.ts';
import { exchangeTokens } from './token-exchange.ts';

/** What the company's identity providers say about a person who signed in to the gateway there. */
export interface IdentityProviders {
  /** Of the last sign-in; null when there is none that is still good. */
  idTokenOf(provider: string, userId: string): Promise<Secret | null>;
  /** An ID-JAG for another authorization server; null when the provider does not take the ID token any more. */
  idJag(
    provider: string,
    request: {
      readonly idToken: Secret;
      readonly audience: string;
      readonly resource: string | null;
      readonly scopes: readonly string[];
    },
  ): Promise<Secret | null>;
}

export interface ObtainTokenOptions {
  readonly providers: Pick<UpstreamProviders, 'of' | 'forget'>;
  readonly clients: Pick<UpstreamClients, 'of'>;
  /** Null: the gateway has no signing keys, because its authorization server is off. */
  readonly assertions: GatewayAssertions | null;
  readonly identity: IdentityProviders;
  /** Guarded: what is fetched is named by strangers. */
  readonly fetchFor: (reach: UpstreamOauth['reach']) => ProviderFetch;
  /** Where a person signs in to the gateway with this identity provider. */
  readonly signInUrl: (provider: string) => string;
}

export interface TokenWanted {
  readonly upstream: Upstream;
  readonly owner: ConnectionOwner;
  /** What the upstream answered to the token before; null: there was none, or it is just old. */
  readonly challenge: Challenge | null;
  /** Scopes that the upstream has asked for beyond those it asks for at first. */
  readonly wanted: readonly string[];
}

export interface ObtainToken {
  /** Gets one token. Throws ProviderFailure, or AppError when a person has to act. */
  (wanted: TokenWanted): Promise<{ readonly tokens: TokenSet; readonly issuer: string }>;
  /** Forgets what was found out about an upstream's provider. */
  forget(upstream: string): void;
}

/** Gets tokens by the grant that the settings of an upstream say. */
export function createObtainToken(options: ObtainTokenOptions): ObtainToken {
  const { providers, clients, fetchFor } = options;
  const refusals = createLru<string, Refusal>(MAX_REFUSALS);

  async function obtainToken({ upstream, owner, challenge, wanted }: TokenWanted) {
    const known = requireOauth(upstream);
    const { oauth } = known.auth;
    // Whoever refuses a token may have moved to another provider.
    const provider = await providers.of(known, challenge?.status === 401 ? AFTER_REFUSAL_AGE_MS : undefined);
    const client = await clients.of(known, provider);
    const preset = presetOf(known);
    // A refresh token is of no use here: there is always another way to the next one.
    const scopes = scopesFor({ oauth, preset, provider, challenge, granted: wanted }).filter(
      (scope) => scope !== 'offline_access',
    );
    const request: GrantRequest = { provider, client, oauth, preset, scopes, fetch: fetchFor(oauth.reach) };
    const { exchange } = oauth;
    const tokens =
      exchange === null
        ? await clientCredentialsTokens(request)
        : await tokensForPerson({ ...options, refusals }, { upstream, owner, request, exchange });
    return { tokens, issuer: provider.issuer };
  }

  return Object.assign(obtainToken, { forget: (upstream: string) => void providers.forget(upstream) });
}

function requireOauth(upstream: Upstream): OauthUpstream {
  if (upstream.transport === 'stdio' || !isOauth(upstream.auth)) {
    throw new TypeError(`"${upstream.name}" takes no tokens.`);
  }
  return upstream as OauthUpstream;
}

/** An ID token that was not taken, by its hash. */
interface Refusal {
  readonly of: string;
  /** Of `performance.now()`. */
  readonly at: number;
}

/** The same ID token is not tried again for so long: calls must not flood whoever refused it. Another one counts at once. */
const REFUSED_MS = 60_000;
const MAX_REFUSALS = 10_000;

interface PersonOptions extends ObtainTokenOptions {
  /** By upstream and person. */
  readonly refusals: Lru<string, Refusal>;
}

interface ForPerson {
  readonly upstream: Upstream;
  readonly owner: ConnectionOwner;
  readonly request: GrantRequest;
  readonly exchange: UpstreamExchange;
}

async function tokensForPerson(options: PersonOptions, wanted: ForPerson): Promise<TokenSet> {
  return wanted.exchange.subject === 'gateway' ? byGateway(options, wanted) : byIdentityProvider(options, wanted);
}

/** The gateway vouches for the person itself. */
async function byGateway(
  { assertions }: ObtainTokenOptions,
  { owner, request, exchange }: ForPerson,
): Promise<TokenSet> {
  if (assertions === null) {
    const detail =
      'The gateway vouches for people with the keys of its authorization server, and that is switched off.';
    throw new ProviderFailure('registration', detail);
  }
  const { provider, client, scopes } = request;
  const { issuer, resource } = provider;
  const assertion = { subject: owner.id, audience: issuer, resource, clientId: client.id };
  if (exchange.grant === 'id-jag') {
    return idJagTokens({ ...request, assertion: await assertions.idJag({ ...assertion, scopes }) });
  }
  const subjectToken = await assertions.subjectToken(assertion);
  return exchangeTokens({ ...request, subjectToken, subjectTokenType: 'jwt', audience: exchange.audience });
}

/** The company's identity provider vouches, with what it issued when the person signed in to the gateway. */
async function byIdentityProvider(options: PersonOptions, wanted: ForPerson): Promise<TokenSet> {
  const { upstream, owner, request, exchange } = wanted;
  const { identity } = options;
  const name = exchange.provider!;
  if (owner.kind !== 'user') throw onlyPeople(upstream);
  const again = (): AppError => signInAgain(upstream, name, options.signInUrl(name));
  const idToken = await identity.idTokenOf(name, owner.id);
  if (idToken === null) throw again();
  const key = `${upstream.name}\n${owner.id}`;
  const of = sha256Hex(`${name}\n${request.provider.issuer}\n${idToken.reveal()}`);
  const before = options.refusals.get(key);
  if (before?.of === of && performance.now() - before.at < REFUSED_MS) throw again();
  const refused = (): AppError => {
    options.refusals.set(key, { of, at: performance.now() });
    return again();
  };
  if (exchange.grant === 'id-jag') {
    const { provider, scopes } = request;
    const audience = exchange.audience ?? provider.issuer;
    const assertion = await identity.idJag(name, { idToken, audience, resource: provider.resource, scopes });
    if (assertion === null) throw refused();
    return idJagTokens({ ...request, assertion });
  }
  try {
    const asked = { subjectToken: idToken, subjectTokenType: 'id_token', audience: exchange.audience } as const;
    return await exchangeTokens({ ...request, ...asked });
  } catch (error) {
    if (error instanceof ProviderFailure && error.kind === 'invalid_grant') throw refused();
    throw error;
  }
}

const signInAgain = ({ name }: Upstream, provider: string, connectUrl: string): AppError =>
  new AppError(
    'connection_required',
    `"${name}" wants to know from "${provider}" who you are, and your last sign-in there is over. Open this link in a browser and sign in, then repeat the call: ${connectUrl}`,
    { data: { upstream: name, reason: 'sign_in', connectUrl } },
  );

const onlyPeople = ({ name }: Upstream): AppError =>
  new AppError(
    'upstream_credential_missing',
    `"${name}" is used by people who signed in at the company's identity provider, which a service account cannot do.`,
  );
