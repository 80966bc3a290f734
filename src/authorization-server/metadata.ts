import type { KoaContextWithOIDC } from 'oidc-provider';
import { ROOT_SCOPE } from '../model/scope.ts';
import type { ServerContext } from './context.ts';
import { JWT_BEARER } from './grant-types.ts';
import { HARMLESS_SCOPES } from './resources.ts';

const ID_JAG_PROFILE = 'urn:ietf:params:oauth:grant-profile:id-jag';

/**
 * Puts right what the library says of itself (RFC 8414 §2, OpenID Connect Discovery 1.0 §3): it lists every grant type that
 * it has a handler for, and knows nothing of our scopes and of clients with a metadata document.
 *
 * Scopes of single upstreams are not listed: strangers must not find out which there are. A client learns them from the
 * challenges of the resource that it calls (RFC 6750 §3).
 */
export function amendMetadata({ settings }: ServerContext, ctx: KoaContextWithOIDC): void {
  const metadata = ctx.body as Record<string, unknown>;
  const kinds = new Set(settings.assertionIssuers.map(({ kind }) => kind));
  const grants = metadata.grant_types_supported as readonly string[];
  ctx.body = {
    ...metadata,
    grant_types_supported: grants.filter((type) => type !== JWT_BEARER || kinds.size > 0),
    scopes_supported: [ROOT_SCOPE, ...HARMLESS_SCOPES],
    response_modes_supported: ['query', 'fragment'],
    client_id_metadata_document_supported: settings.clients.metadataDocuments.enabled,
    ...(kinds.has('id-jag') && { authorization_grant_profiles_supported: [ID_JAG_PROFILE] }),
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat'],
  };
}
