import type { IncomingMessage } from 'node:http';
import type { errors, KoaContextWithOIDC } from 'oidc-provider';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { touchOauthClient } from '../store/oauth-clients.ts';
import { principalOf, type TrailEntry, trail } from './audit-trail.ts';
import type { ServerContext } from './context.ts';
import { isRepetition } from './grants/refresh-token.ts';
import { spokenFor } from './grants/spoken-for.ts';
import { codeOf, explainInBody } from './oauth-errors.ts';
import type { OidcProvider } from './oidc-library.ts';
import { factsOf } from './request-facts.ts';

const TOUCH_MS = 3_600_000;
/** Refusals recorded per second: strangers cause them at no cost, and must not fill the disk (as in gateway/refusals.ts). */
const REFUSALS_PER_SECOND = 50;
/** Of what a client wrote that stands in a refusal. */
const MAX_DETAIL = 500;

/** Records what the library does, and what it refuses. */
export function recordProviderEvents(context: ServerContext, provider: OidcProvider): void {
  const trailRefusal = limitedTrail(context);
  provider.on('grant.success', (ctx) => {
    const client = ctx.oidc.client!;
    touchOauthClient(context.db, { tenantId: DEFAULT_TENANT, id: client.clientId }, context.now(), TOUCH_MS).catch(
      (error: unknown) => context.log.warn({ err: error }, 'the use of a client was not noted'),
    );
    if (isRepetition(ctx)) return;
    const refreshed = ctx.oidc.params!.grant_type === 'refresh_token';
    trail(context, refreshed ? 'token.refreshed' : 'token.issued', ctx.req, issued(ctx));
  });
  provider.on('grant.error', (ctx, error) => {
    explainInBody(context, ctx, error);
    const reused = /already (used|consumed)/.test(detailOf(error));
    if (reused) trail(context, 'token.reused', ctx.req, refused(ctx, error));
    else trailRefusal('token.refused', ctx.req, refused(ctx, error));
  });
  provider.on('authorization.error', (ctx, error) => {
    trailRefusal('authorization.refused', ctx.req, refused(ctx, error));
  });
  provider.on('registration_create.error', (ctx, error) => {
    trailRefusal('client.refused', ctx.req, refused(ctx, error));
  });
  provider.on('device_authorization.success', (ctx) => {
    trail(context, 'device.started', ctx.req, { client: clientOf(ctx), target: ctx.oidc.client!.clientId });
  });
  provider.on('grant.revoked', (ctx, grantId) => {
    if (ctx.oidc.route !== 'revocation') return;
    trail(context, 'token.revoked', ctx.req, { client: clientOf(ctx), target: grantId });
  });
  for (const event of ['revocation.error', 'introspection.error', 'pushed_authorization_request.error'] as const) {
    const explain = (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => explainInBody(context, ctx, error);
    provider.on(event as 'grant.error', explain);
  }
  provider.on('error' as 'server_error', (error: unknown) => {
    context.log.error({ err: error }, 'the authorization server failed');
  });
  provider.on('server_error', (ctx, error) => {
    const { requestId } = factsOf(ctx.req);
    context.log.error({ requestId, err: error, path: ctx.path }, 'the authorization server failed');
    const { body } = ctx as { body?: { error?: string } };
    if (body?.error !== 'server_error') return;
    ctx.body = {
      error: 'server_error',
      error_description: `Something went wrong inside the gateway. Request ${requestId}`,
    };
  });
}

/** How many were left out is said in the next record. */
function limitedTrail(context: ServerContext) {
  let second = 0;
  let recorded = 0;
  let leftOut = 0;
  return (action: string, request: IncomingMessage, entry: TrailEntry): void => {
    const now = Math.floor(context.now() / 1000);
    if (now !== second) {
      second = now;
      recorded = 0;
    }
    if (++recorded > REFUSALS_PER_SECOND) {
      leftOut++;
      return;
    }
    const details = leftOut === 0 ? entry.details : { ...entry.details, notRecorded: leftOut };
    leftOut = 0;
    trail(context, action, request, { ...entry, details });
  };
}

const detailOf = (error: errors.OIDCProviderError): string =>
  `${error.error_description ?? ''} ${error.error_detail ?? ''}`;

const clientOf = ({ oidc: { client } }: KoaContextWithOIDC) =>
  client === undefined ? undefined : { id: client.clientId, name: client.clientName };

function issued(ctx: KoaContextWithOIDC) {
  const { account, entities, params } = ctx.oidc;
  const token = (entities.AccessToken ?? entities.ClientCredentials) as { scope?: string; aud?: string };
  const grantId = (entities.AccessToken as { grantId?: string } | undefined)?.grantId;
  return {
    principal: principalOf(account?.accountId ?? spokenFor(ctx)),
    client: clientOf(ctx),
    target: grantId ?? ctx.oidc.client!.clientId,
    reason: String(params!.grant_type),
    resource: token.aud,
    scopes: token.scope?.split(' ') ?? [],
  };
}

function refused(ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) {
  const { params } = ctx.oidc;
  const asked = params?.client_id;
  const client = clientOf(ctx);
  return {
    client,
    target: client?.id ?? (typeof asked === 'string' ? asked.slice(0, 256) : undefined),
    reason: codeOf(error) ?? error.error,
    details: { detail: detailOf(error).trim().slice(0, MAX_DETAIL) },
  };
}
