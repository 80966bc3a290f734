import { AppError } from '../errors/app-error.ts';
import { hasCredentialInQuery } from '../http/presented-credential.ts';

/** Where on the MCP endpoint a request arrived: all upstreams at `/mcp`, or one of them at `/mcp/{upstream}`. */
export interface Mount {
  /** Null on `/mcp`, where names carry the upstream as a prefix. */
  readonly upstream: string | null;
}

const ALL: Mount = { upstream: null };
const PATH = /^\/mcp(?:\/([a-z0-9-]{1,32}))?\/?$/;
export const isMcpPath = (url: string): boolean => url === '/mcp' || url.startsWith('/mcp/') || url.startsWith('/mcp?');

/** Throws `not_found` for other paths and `credential_in_url` for a query that carries a credential. */
export function mountOf(url: string): Mount {
  if (url === '/mcp') return ALL;
  const query = url.indexOf('?');
  if (hasCredentialInQuery(url)) throw new AppError('credential_in_url');
  const match = PATH.exec(query < 0 ? url : url.slice(0, query));
  if (match === null) throw new AppError('not_found', 'MCP is served at /mcp and at /mcp/{upstream}.');
  return match[1] === undefined ? ALL : { upstream: match[1] };
}

export const resourcePath = (mount: Mount): string => (mount.upstream === null ? '/mcp' : `/mcp/${mount.upstream}`);
