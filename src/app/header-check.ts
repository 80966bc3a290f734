import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/config.ts';
import type { AppError } from '../errors/app-error.ts';
import { checkDuplicateHeaders } from '../http/duplicate-headers.ts';
import { createHostCheck, createOriginCheck } from '../http/host-origin.ts';

/** What every request must pass before anything else looks at it: no repeated headers, a Host and an Origin of ours. */
export function createHeaderCheck(config: Config): (request: IncomingMessage) => AppError | null {
  const options = { ...config, listenPort: config.listen.port };
  const checkHost = createHostCheck(options);
  const checkOrigin = createOriginCheck(options);
  return (request) => checkDuplicateHeaders(request.rawHeaders) ?? checkHost(request) ?? checkOrigin(request);
}
