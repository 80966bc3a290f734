import { DEFAULT_TENANT } from '../../model/principal.ts';
import { parseScope } from '../../model/scope.ts';
import { findOauthClient, type OauthClient } from '../../store/oauth-clients.ts';
import type { ResourceView, ServerContext } from '../context.ts';
import { describeScope } from '../describe-scope.ts';
import type { AccessView } from '../pages/access-view.ts';
import type { ClientView } from '../pages/client-view.ts';
import { HARMLESS_SCOPES, resourcePath } from '../resources.ts';

/** Which client asks a person for what. */
export interface AccessAsked {
  readonly client: OauthClient;
  /** URL. */
  readonly resource: string;
  readonly scopes: readonly string[];
}

/** Reads a request that was checked when it came; null when its client is gone since. */
export async function accessAsked(
  { db }: ServerContext,
  params: Readonly<Record<string, unknown>>,
): Promise<AccessAsked | null> {
  const client = await findOauthClient(db, { tenantId: DEFAULT_TENANT, id: String(params.client_id) });
  if (client === null || client.status !== 'active') return null;
  const scopes = String(params.scope)
    .split(' ')
    .filter((scope) => !HARMLESS_SCOPES.includes(scope));
  return { client, resource: String(params.resource), scopes };
}

/**
 * The resource with the upstreams that the scopes reach; null when there is none of them. Only now, as signed-in people
 * may know what there is.
 */
export function reachedBy(context: ServerContext, { resource, scopes }: AccessAsked): ResourceView | null {
  const view = context.resourceAt(resourcePath(resource));
  if (view === null) return null;
  const named = scopes.map((scope) => parseScope(scope)?.upstream);
  const upstreams = named.includes(null) ? view.upstreams : view.upstreams.filter(({ name }) => named.includes(name));
  const missing = named.some((name) => typeof name === 'string' && !upstreams.some((known) => known.name === name));
  return missing ? null : { title: view.title, upstreams };
}

export function accessView({ resource, scopes }: AccessAsked, { title, upstreams }: ResourceView): AccessView {
  const titleOf = (name: string): string => upstreams.find((known) => known.name === name)?.title ?? name;
  return {
    resource: { title, url: resource },
    upstreams,
    scopes: scopes.map((scope) => describeScope(scope, titleOf)),
  };
}

const SOURCES = {
  metadata_document: 'metadata-document',
  dynamic: 'registered',
  pre_registered: 'configured',
  added: 'configured',
} as const;

export function clientView({ id, name, source, metadata }: OauthClient): ClientView {
  const { client_uri: uri } = metadata;
  return {
    id,
    name,
    source: SOURCES[source],
    verifiedHost: source === 'metadata_document' ? new URL(id).host : null,
    ...(typeof uri === 'string' && { uri }),
  };
}
