import { timingSafeEqual } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { sha256Hex } from '../lib/sha256.ts';
import { bindToBrowserSession } from './browser-bound-session.ts';
import type { ServerContext } from './context.ts';
import { introspectJwt } from './endpoints/introspection.ts';
import { revokeJwt } from './endpoints/revocation.ts';
import { DEVICE_CODE, JWT_BEARER } from './grant-types.ts';
import { clientCredentialsFor } from './grants/client-credentials.ts';
import { deviceCodeAtItsPace } from './grants/device-code.ts';
import type { GrantHandler } from './grants/grant-handler.ts';
import { JWT_BEARER_PARAMETERS, jwtBearer } from './grants/jwt-bearer.ts';
import { refreshWithGrace } from './grants/refresh-token.ts';
import { amendMetadata } from './metadata.ts';
import type { OidcLibrary, OidcProvider } from './oidc-library.ts';
import { providerConfiguration } from './provider-configuration.ts';
import { recordProviderEvents } from './provider-events.ts';
import { canonicalResource } from './resources.ts';

/** Makes the library's server; a few milliseconds. Keys and settings are fixed in it: another one replaces it. */
export async function buildProvider(context: ServerContext, library: OidcLibrary): Promise<OidcProvider> {
  const { registration, initialAccessToken } = context.settings.clients;
  const configuration = providerConfiguration(context, library, {
    // The settings hold one where it is needed; a start that fails is better than registration that is open.
    initialAccessToken: registration === 'token' ? (await context.secretOf(initialAccessToken!)).reveal() : undefined,
  });
  const Provider = providerClass(context, library);
  const provider = new Provider(context.issuer(), configuration);
  // Host and protocol are written into each request from the configured address; see forward-to-provider.ts.
  provider.proxy = true;
  provider.use(afterLibrary(context) as never);
  compareSecretsByHash(provider);
  bindToBrowserSession(context, provider);
  recordProviderEvents(context, provider);
  return provider;
}

/** The library has no hook for its grants and response modes, but registers them on itself. */
function providerClass(context: ServerContext, library: OidcLibrary): OidcLibrary['default'] {
  const wraps: Readonly<Record<string, (handler: GrantHandler) => GrantHandler>> = {
    refresh_token: (handler) => refreshWithGrace(context, library, handler),
    [DEVICE_CODE]: (handler) => deviceCodeAtItsPace(context, library, handler),
    client_credentials: (handler) => clientCredentialsFor(context, library, handler),
  };

  return class extends library.default {
    /** The library calls it while it is being constructed. */
    override registerGrantType(name: string, handler: (ctx: never) => void | Promise<void>, ...rest: GrantRest): void {
      const register = (type: string, wrapped: GrantHandler, [parameters, duplicates]: GrantRest): void => {
        const oneSpelling = (ctx: KoaContextWithOIDC) => wrapped(withOneSpelling(context, ctx)) as Promise<void>;
        super.registerGrantType(type, oneSpelling, parameters, duplicates);
      };
      const own = handler as GrantHandler;
      register(name, wraps[name]?.(own) ?? own, rest);
      // It ends in the same way: a token for whom the request speaks.
      if (name !== 'client_credentials') return;
      register(JWT_BEARER, jwtBearer(context, library, own), [JWT_BEARER_PARAMETERS, rest[1]]);
    }

    /** No `form_post`: its page is a script. */
    override registerResponseMode(...args: Parameters<OidcProvider['registerResponseMode']>): void {
      if (args[0] !== 'form_post') super.registerResponseMode(...args);
    }
  };
}

type Names = readonly string[] | undefined;
/** The parameters of a grant, and which of them may stand there more than once. */
type GrantRest = readonly [parameters?: Names, duplicates?: Names];

/** A trailing slash at the end of `resource` counts for nothing, here as in the authorization request. */
function withOneSpelling(context: ServerContext, ctx: KoaContextWithOIDC): KoaContextWithOIDC {
  const params = ctx.oidc.params!;
  const { resource } = params;
  if (typeof resource === 'string') params.resource = canonicalResource(context.publicUrl(), resource) ?? resource;
  return ctx;
}

/** What the library has answered is completed here. */
function afterLibrary(context: ServerContext) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    const route = ctx.oidc?.route;
    if (route === 'discovery') amendMetadata(context, ctx);
    if (route === 'introspection') await introspectJwt(context, ctx);
    if (route === 'revocation') await revokeJwt(context, ctx);
  };
}

/** Only hashes of secrets are stored. Secrets have 256 random bits, or are chosen by an operator with at least 32 characters. */
function compareSecretsByHash(provider: OidcProvider): void {
  const prototype = provider.Client.prototype as unknown as {
    clientSecret?: string;
    compareClientSecret(this: { clientSecret?: string }, actual: string): boolean;
  };
  prototype.compareClientSecret = function (actual) {
    const known = Buffer.from(this.clientSecret ?? '');
    const given = Buffer.from(sha256Hex(actual));
    return known.length === given.length && timingSafeEqual(known, given);
  };
}
