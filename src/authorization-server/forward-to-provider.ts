import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerContext } from './context.ts';
import type { OidcProvider } from './oidc-library.ts';

/**
 * Lets the library answer a request for one of its paths. It builds URLs from the request, so the request is first made to
 * say what the configuration says: nothing of `Host`, `X-Forwarded-*` or an absolute request target gets through.
 *
 * @param path where the library serves it, without the path of the issuer.
 * @param page somebody looks at the answer. @param query what stands after the path is passed on.
 */
export async function forwardToProvider(
  { publicUrl, settings }: ServerContext,
  provider: OidcProvider,
  path: string,
  request: FastifyRequest,
  reply: FastifyReply,
  { page = false, query = true } = {},
): Promise<FastifyReply> {
  const { raw } = request;
  const own = new URL(publicUrl());
  const at = raw.url!.indexOf('?');
  const url = path + (at < 0 || !query ? '' : raw.url!.slice(at));
  for (const name of ['x-forwarded-host', 'x-forwarded-for', 'forwarded']) delete raw.headers[name];
  raw.headers.host = own.host;
  raw.headers['x-forwarded-proto'] = own.protocol.slice(0, -1);
  // An answer for programs is JSON, whatever they accept.
  if (!page) raw.headers.accept = 'application/json';
  raw.url = url;
  Object.assign(raw, { originalUrl: settings.issuerPath + url });
  reply.hijack();
  // Headers that hooks have set are lost when the reply is taken over.
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  await callbackOf(provider)(raw, reply.raw);
  return reply;
}

const callbacks = new WeakMap<OidcProvider, ReturnType<OidcProvider['callback']>>();

function callbackOf(provider: OidcProvider): ReturnType<OidcProvider['callback']> {
  const known = callbacks.get(provider) ?? provider.callback();
  callbacks.set(provider, known);
  return known;
}
