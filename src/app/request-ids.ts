import { randomBytes } from 'node:crypto';

/**
 * Request ids, unique over restarts and cheap enough for every call: a random part for this process, then a counter.
 * They name requests in logs and audit and are no secrets.
 */
export function createRequestIds(): () => string {
  const process = randomBytes(6).toString('hex');
  let count = 0;
  return () => `req_${process}${(++count).toString(36)}`;
}
