import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import { AppError } from '../../errors/app-error.ts';
import { compileGlob } from '../../lib/glob.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { findOauthClient } from '../../store/oauth-clients.ts';
import { findServiceAccountByName } from '../../store/service-accounts.ts';
import { findUser } from '../../store/users.ts';
import { trail } from '../audit-trail.ts';
import { scopeLimitOf } from '../clients/declared-clients.ts';
import type { ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { canonicalResource, withinLimit } from '../resources.ts';
import type { GrantHandler } from './grant-handler.ts';
import { AssertionRefused, createAssertionReader, type ReadAssertion } from './read-assertion.ts';
import { settleTarget } from './settle-target.ts';
import { speakFor } from './spoken-for.ts';

export const JWT_BEARER_PARAMETERS = ['assertion', 'scope', 'resource'];

const tenantId = DEFAULT_TENANT;
/** What an assertion says of itself stands in it, also one that nobody has signed. */
const MAX_REASON = 300;

/** Whom an assertion speaks for. */
interface Spoken {
  readonly accountId: string;
  /** All scopes that may be had. Empty: whatever fits. */
  readonly limit: readonly string[];
}

/**
 * The JWT bearer grant (RFC 7523 §2.1): an assertion of a configured issuer for an access token, without a refresh token,
 * as the issuer is to be asked again. About people: ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant), by which a
 * company decides at its identity provider who may use what. About machines: the identity that a platform gives them.
 *
 * @param issue the library's handler of client credentials, which checks the DPoP proof and makes the token.
 */
export function jwtBearer(context: ServerContext, library: OidcLibrary, issue: GrantHandler): GrantHandler {
  const reader = createAssertionReader(context);
  const { errors } = library;

  async function spoken(read: ReadAssertion, client: Client, params: Record<string, unknown>): Promise<Spoken> {
    const { clients } = read.settings;
    if (clients.length > 0 && !clients.includes(client.clientId)) throw new AssertionRefused('not for this client');
    if (read.settings.kind === 'workload') return machineOf(context, read);
    const named = await personOf(context, read, client, params);
    // Last, so that one that is refused for something that can be mended is not lost.
    await reader.useOnce(read.claims);
    return named;
  }

  return async (ctx: KoaContextWithOIDC) => {
    const params = ctx.oidc.params!;
    const client = ctx.oidc.client!;
    const { assertion } = params;
    if (typeof assertion !== 'string') throw new errors.InvalidRequest('missing required parameter assertion');
    try {
      const { accountId, limit } = await spoken(await reader.read(assertion), client, params);
      speakFor(ctx, accountId);
      const stored = await findOauthClient(context.db, { tenantId, id: client.clientId });
      settleTarget(context, library, params, narrowed(limit, scopeLimitOf(stored)));
    } catch (error) {
      if (error instanceof AppError) throw unavailable(library);
      if (!(error instanceof AssertionRefused)) throw error;
      context.log.info({ clientId: client.clientId, reason: error.message }, 'an assertion was refused');
      const named = { id: client.clientId, name: client.clientName };
      const reason = error.message.slice(0, MAX_REASON);
      trail(context, 'token.refused', ctx.req, { client: named, target: client.clientId, reason });
      throw new errors.InvalidGrant('the assertion was refused');
    }
    return issue(ctx);
  };
}

/** RFC 6749 §4.1.2.1 has the code, and 503 makes clients come again instead of giving up. */
function unavailable({ errors }: OidcLibrary): Error {
  const error = new errors.TemporarilyUnavailable('the keys of the issuer cannot be read');
  return Object.assign(error, { status: 503, statusCode: 503, expose: true });
}

/** Both limits at once; an empty one is none. */
function narrowed(one: readonly string[], other: readonly string[]): readonly string[] {
  const both = one.length === 0 ? other : withinLimit(one, other);
  if (both === null) throw new AssertionRefused('it and the client have no scope in common');
  return both;
}

async function personOf(
  context: ServerContext,
  { settings, subject, claims }: ReadAssertion,
  client: Client,
  params: Record<string, unknown>,
): Promise<Spoken> {
  // An ID-JAG is good with the proof of the client that it names; anybody could present it for a public one.
  if (client.clientAuthMethod === 'none') throw new AssertionRefused('the client does not prove who it is');
  if (claims.client_id !== client.clientId) throw new AssertionRefused('it names another client');
  const own = typeof claims.resource === 'string' ? canonicalResource(context.publicUrl(), claims.resource) : null;
  if (own === null) throw new AssertionRefused(`its resource is ${JSON.stringify(claims.resource)}`);
  const asked = typeof params.resource === 'string' ? canonicalResource(context.publicUrl(), params.resource) : own;
  if (asked !== own) throw new AssertionRefused('another resource was asked for');
  params.resource = own;
  const { issuer, createAccounts } = settings;
  const account = await context.accountOf({ issuer, subject, claims, createAccount: createAccounts });
  const user = account === null ? null : await findUser(context.db, { tenantId, id: account.userId });
  if (user === null || user.status !== 'active') throw new AssertionRefused('it is about nobody with an account here');
  const limit = typeof claims.scope === 'string' ? claims.scope.split(' ').filter(Boolean) : [];
  return { accountId: user.id, limit };
}

async function machineOf(context: ServerContext, { settings, subject, claims }: ReadAssertion): Promise<Spoken> {
  const rule = settings.rules.find(
    (candidate) =>
      compileGlob(candidate.subject)(subject) &&
      Object.entries(candidate.claims).every(([claim, glob]) => {
        const value = claims[claim];
        return (typeof value === 'string' || typeof value === 'number') && compileGlob(glob)(String(value));
      }),
  );
  if (rule === undefined) throw new AssertionRefused(`no rule matches its subject ${JSON.stringify(subject)}`);
  const account = await findServiceAccountByName(context.db, { tenantId, name: rule.serviceAccount });
  if (account === null || account.status !== 'active') {
    throw new AssertionRefused(`the service account ${JSON.stringify(rule.serviceAccount)} is not active`);
  }
  return { accountId: account.id, limit: rule.scopes };
}
