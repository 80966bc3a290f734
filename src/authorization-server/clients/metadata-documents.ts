import type { IncomingMessage } from 'node:http';
import { createAttemptLimiter } from '../../identity/attempt-limiter.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { createLru } from '../../lib/lru.ts';
import type { SafeFetchAnswer } from '../../lib/safe-fetch.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { findOauthClient, keepOauthClientFresh, type OauthClient, putOauthClient } from '../../store/oauth-clients.ts';
import { trail } from '../audit-trail.ts';
import { isDevelopment, type ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { factsOf } from '../request-facts.ts';
import { readDescription } from './client-metadata.ts';
import { freshForMs } from './freshness.ts';

const tenantId = DEFAULT_TENANT;
/** How long a client goes on working while its document cannot be had. */
const STALE_MS = 7 * 86_400_000;
/** After a failure the document is not asked for again for a while: whoever names the URL must not steer our requests. */
const RETRY_MS = 30_000;
const MAX_URL_LENGTH = 1024;

/**
 * Whether a client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document §3): https, with a
 * path, in its one spelling. On a development machine also http on loopback.
 */
export function isDocumentUrl(context: Pick<ServerContext, 'publicUrl' | 'settings'>, id: string): boolean {
  if (!context.settings.clients.metadataDocuments.enabled || id.length > MAX_URL_LENGTH) return false;
  const url = URL.parse(id);
  // Dot segments, user information, upper-case hosts and the like have another spelling after parsing.
  if (url === null || url.href !== id || url.pathname === '/' || url.hash !== '' || url.username !== '') return false;
  if (/%2e|%2f|%5c/i.test(url.pathname)) return false;
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && isLoopbackHost(url.hostname) && isDevelopment(context);
}

/** Exactly the domain, or something below it, in whatever case an operator wrote it: hosts of URLs come in lower case. */
function isWithin(host: string, written: string): boolean {
  const domain = written.toLowerCase();
  return host === domain || host.endsWith(`.${domain}`);
}

function isAllowedDomain({ settings }: Pick<ServerContext, 'settings'>, host: string): boolean {
  const { domains, deniedDomains } = settings.clients.metadataDocuments;
  if (deniedDomains.some((domain) => isWithin(host, domain))) return false;
  return domains.length === 0 || domains.some((domain) => isWithin(host, domain));
}

/**
 * Clients that are described by a document at their own URL. What was read is kept in the store: a document that cannot be
 * had for a while must not take a client's tokens away, and all replicas share it.
 */
export function createDocumentClients(context: ServerContext, library: OidcLibrary) {
  const { db, log, now } = context;
  const flights = new Map<string, Promise<OauthClient>>();
  const failedAt = createLru<string, number>(1000);
  const attempts = context.settings.clients.registrationsPerHour;
  const newDocuments = createAttemptLimiter({ attempts, windowMs: 3_600_000, now });

  /** What strangers are told is the same for every failure: the difference would map the network that we are in. */
  const unreadable = (cause?: unknown) =>
    new library.errors.InvalidClient('the client metadata document cannot be used', { cause } as never);

  async function fetchOnce(id: string, known: OauthClient | null, request: IncomingMessage | null) {
    const flight = flights.get(id) ?? refresh(id, known, request).finally(() => flights.delete(id));
    flights.set(id, flight);
    return flight;
  }

  async function refresh(id: string, known: OauthClient | null, request: IncomingMessage | null): Promise<OauthClient> {
    const answer = await context.fetch(id, {
      reach: isDevelopment(context) ? 'loopback-too' : 'public',
      headers: { accept: 'application/json', ...(known?.etag && { 'if-none-match': known.etag }) },
    });
    const freshUntil = now() + freshForMs(answer.headers, now());
    if (answer.status === 304 && known !== null) {
      await keepOauthClientFresh(db, { tenantId, id }, freshUntil);
      return { ...known, freshUntil };
    }
    const description = readDocument(id, answer, context, library);
    const client = await putOauthClient(
      db,
      {
        tenantId,
        id,
        source: 'metadata_document',
        name: description.client_name ?? new URL(id).host,
        status: 'active',
        metadata: { ...description },
        address: request === null ? '' : factsOf(request).address,
        etag: answer.headers.get('etag'),
        freshUntil,
      },
      now(),
    );
    const details = { redirectUris: description.redirect_uris };
    trail(context, 'client.fetched', request, { client: { id, name: client.name }, target: id, details });
    return client;
  }

  return {
    /** Throws the library's InvalidClient when there is no document to go by. */
    async find(id: string, request: IncomingMessage | null): Promise<OauthClient | null> {
      if (!isAllowedDomain(context, new URL(id).hostname)) throw unreadable('the domain is not accepted');
      const known = await findOauthClient(db, { tenantId, id });
      const time = now();
      if (known !== null && (known.status === 'revoked' || (known.freshUntil ?? 0) > time)) return known;
      const stale = known !== null && (known.freshUntil ?? 0) + STALE_MS > time ? known : null;
      if (time - (failedAt.get(id) ?? -RETRY_MS) < RETRY_MS) {
        if (stale !== null) return stale;
        throw unreadable();
      }
      if (known === null && request !== null && newDocuments.excess(factsOf(request).address) > 0) throw unreadable();
      try {
        return await fetchOnce(id, known, request);
      } catch (error) {
        failedAt.set(id, time);
        log.warn({ clientId: id, err: error, stale: stale !== null }, 'client metadata document cannot be read');
        if (stale !== null && !(error instanceof DocumentGone)) return stale;
        throw unreadable(error);
      }
    },
  };
}

/** Its host says that there is no such client any more. */
class DocumentGone extends Error {}

function readDocument(id: string, answer: SafeFetchAnswer, { settings }: ServerContext, library: OidcLibrary) {
  if (answer.status === 404 || answer.status === 410) throw new DocumentGone(`status ${answer.status}`);
  if (answer.status !== 200) throw new Error(`status ${answer.status}`);
  const document: unknown = JSON.parse(answer.text);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new Error('no JSON object');
  const given = document as Readonly<Record<string, unknown>>;
  if (given.client_id !== id) throw new Error('its client_id is not its URL');
  // §4.1: everybody can read the document, so there is no secret to share.
  if ('client_secret' in given || /^client_secret_/.test(String(given.token_endpoint_auth_method))) {
    throw new Error('it speaks of a client secret');
  }
  const authMethods = ['none', 'private_key_jwt'];
  return readDescription(given, library, { authMethods, deviceFlow: settings.deviceFlow });
}
