import type { FastifyRequest } from 'fastify';
import { CALLBACK_PATH } from './connect-context.ts';

/** The redirect URI with what the provider added to it, as it came. */
export function callbackUrl(publicUrl: string, { url }: Pick<FastifyRequest, 'url'>): URL {
  const callback = new URL(publicUrl + CALLBACK_PATH);
  const query = url.indexOf('?');
  callback.search = query < 0 ? '' : url.slice(query);
  return callback;
}
