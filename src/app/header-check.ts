import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/config.ts';
import type { AppError } from '../errors/app-error.ts';
import { checkDuplicateHeaders } from '../http/duplicate-headers.ts';
import { createHostCheck, createOriginCheck } from '../http/host-origin.ts';

/**
 * What the pages of any site may call: public documents, and the endpoints that clients in a browser use. They look at no
 * cookie, so that a page gets nothing there that its server would not get, too.
 */
const DOCUMENTS = /^\/(?:\.well-known\/|errors\/|oauth\/jwks(?:$|\?))/;
const ENDPOINTS =
  /^\/(?:oauth\/(?:token|register|revoke|introspect|par|device_authorization)(?:$|\?)|(?:token|register)(?:$|\?))/;

const isForEveryOrigin = ({ method, url }: IncomingMessage): boolean =>
  ENDPOINTS.test(url!) || (method !== 'POST' && DOCUMENTS.test(url!));

/** What every request must pass before anything else looks at it: no repeated headers, a Host and an Origin of ours. */
export function createHeaderCheck(config: Config): (request: IncomingMessage) => AppError | null {
  const options = { ...config, listenPort: config.listen.port };
  const checkHost = createHostCheck(options);
  const checkOrigin = createOriginCheck(options);
  return (request) => {
    const refused = checkDuplicateHeaders(request.rawHeaders) ?? checkHost(request);
    if (refused !== null) return refused;
    const foreign = checkOrigin(request);
    return foreign !== null && isForEveryOrigin(request) ? null : foreign;
  };
}
