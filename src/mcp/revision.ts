import { AppError } from '../errors/app-error.ts';
import { eraOf, PROTOCOL_REVISIONS, type Revision } from '../model/catalogue.ts';
import { isObject, type JsonRpcMessage } from './message.ts';

export const META_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const META_CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';
export const META_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const META_LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
export const META_SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
export const META_SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

/** What clients may speak to the gateway. 2024-11-05 (HTTP+SSE) is spoken towards upstreams only. */
export const SERVED_REVISIONS: readonly Revision[] = PROTOCOL_REVISIONS.filter((revision) => revision !== '2024-11-05');
export const LATEST_MODERN: Revision = '2026-07-28';
export const LATEST_LEGACY: Revision = '2025-11-25';

const isServed = (version: unknown): version is Revision => (SERVED_REVISIONS as readonly unknown[]).includes(version);

/** The version that an `initialize` asks for when it is served, else the newest legacy one (2025-11-25, "Version Negotiation"). */
export function negotiateLegacy(asked: unknown): Revision {
  return isServed(asked) && eraOf(asked) === 'legacy' ? asked : LATEST_LEGACY;
}

/**
 * The revision of a modern request, or null when the request belongs to the legacy era. The era is read from the
 * request, never from the connection (2026-07-28, "Backward Compatibility"). Throws `request_meta_invalid`,
 * `header_mismatch` or `unsupported_protocol_version`, in the order in which the specification's suite asks for them.
 */
export function modernRevision(header: string | undefined, message: JsonRpcMessage): Revision | null {
  const params = 'params' in message ? message.params : undefined;
  const meta = isObject(params?._meta) ? params._meta : undefined;
  const declared = meta?.[META_VERSION];
  const modernHeader = header !== undefined && !isLegacy(header);
  if (declared === undefined && !modernHeader) return null;
  if (declared === undefined && !isServed(header)) throw unsupported(header!);
  if (typeof declared !== 'string' || !isObject(meta?.[META_CAPABILITIES])) {
    const missing = typeof declared !== 'string' ? META_VERSION : META_CAPABILITIES;
    throw new AppError('request_meta_invalid', `params._meta must contain "${missing}".`);
  }
  if (header !== declared) {
    throw new AppError(
      'header_mismatch',
      `MCP-Protocol-Version says ${quote(header)}, params._meta says ${quote(declared)}.`,
    );
  }
  if (!isServed(declared) || eraOf(declared) !== 'modern') throw unsupported(declared);
  return declared;
}

/** Refuses a legacy request whose version header names nothing that is served (2025-11-25, "Protocol Version Header"). */
export function checkLegacyVersion(header: string | undefined): void {
  if (header !== undefined && !isServed(header)) throw unsupported(header);
}

const isLegacy = (version: string): boolean => isServed(version) && eraOf(version) === 'legacy';

function unsupported(requested: string): AppError {
  return new AppError(
    'unsupported_protocol_version',
    `The gateway does not speak protocol version ${quote(requested)}.`,
    {
      data: { supported: [...SERVED_REVISIONS].reverse(), requested: requested.slice(0, 64) },
    },
  );
}

const quote = (text: string | undefined): string =>
  text === undefined ? 'nothing' : JSON.stringify(text.slice(0, 64));
