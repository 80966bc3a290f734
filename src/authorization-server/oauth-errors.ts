import type { errors, KoaContextWithOIDC } from 'oidc-provider';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';
import { errorPagePath } from '../http/error-page.ts';
import { errorPage } from '../http/pages/error-page.ts';
import { PAGE_HEADERS } from '../http/pages/page-headers.ts';
import type { ServerContext } from './context.ts';
import { factsOf } from './request-facts.ts';

type OauthError = errors.OIDCProviderError;

/** Which page of ours is about an error of the library; null for what says all itself. */
export function codeOf(error: OauthError): ErrorCode | null {
  const detail = `${error.error_description ?? ''} ${error.error_detail ?? ''}`;
  if (/metadata document/.test(detail)) return 'client_metadata_unreachable';
  switch (error.error) {
    case 'invalid_client':
      return 'client_credentials_invalid';
    case 'invalid_redirect_uri':
      return 'redirect_uri_mismatch';
    case 'invalid_target':
      return 'target_invalid';
    case 'invalid_grant':
      return /code_verifier|code_challenge/.test(detail) ? 'pkce_failed' : 'grant_invalid';
    case 'invalid_request':
      return /code_verifier|code_challenge/.test(detail) ? 'pkce_failed' : null;
    default:
      return null;
  }
}

/**
 * Adds to the answer of an endpoint what the person who runs the client needs: what to change, and where that is explained
 * (RFC 6749 §5.2). `error` itself stays as the specifications have it.
 */
export function explainInBody(context: ServerContext, ctx: KoaContextWithOIDC, error: OauthError): void {
  const { body } = ctx;
  if (typeof body !== 'object' || body === null || !('error' in body)) return;
  const code = codeOf(error);
  if (code === null) return;
  ctx.body = {
    ...body,
    error_description: plain(`${CATALOG[code].title}. ${CATALOG[code].remedy}`),
    error_uri: context.publicUrl() + errorPagePath(code),
  };
}

/** `error_description` has no quotes, no backslash and nothing beyond ASCII (RFC 6749 §5.2). */
const plain = (text: string): string =>
  text
    .replaceAll('…', '...')
    .replaceAll('"', "'")
    .replaceAll(/[^\x20-\x7e]|\\/g, '');

/** What a person sees whose authorization cannot go on. Nobody is sent anywhere from here. */
export function renderOauthError(
  context: ServerContext,
  ctx: KoaContextWithOIDC,
  out: { readonly error: string; readonly error_description?: string | undefined },
  error: Error,
): void {
  const { requestId } = factsOf(ctx.req);
  const known = 'error' in error ? codeOf(error as OauthError) : null;
  if (out.error === 'server_error') context.log.error({ requestId, err: error }, 'authorization request failed');
  ctx.set({ ...PAGE_HEADERS });
  const isLogout = ctx.oidc?.route === 'end_session';
  ctx.body = errorPage({
    ...(isLogout ? LOGOUT_REFUSED : known === null ? withoutCode(out) : withCode(known)),
    code: known ?? out.error,
    requestId,
  }).toString();
}

const LOGOUT_REFUSED = {
  title: 'Signing out cannot go on',
  detail: 'The program that sent you here asked for it in a way that is not possible. You are still signed in.',
  whatToDo:
    'Open /sign-in on this gateway to sign out. Whoever runs the program has to register the address to return to.',
};

const withCode = (code: ErrorCode) => ({
  title: 'The sign-in cannot go on',
  detail: `${CATALOG[code].title}.`,
  whatToDo: CATALOG[code].remedy.replaceAll('`', ''),
});

function withoutCode({
  error,
  error_description: description,
}: {
  error: string;
  error_description?: string | undefined;
}) {
  if (error === 'server_error') {
    return {
      title: 'Something went wrong',
      detail: 'The gateway made a mistake.',
      whatToDo: 'Try again. If it lasts, give the request number below to an administrator.',
    };
  }
  const expired = /session|authorization request has expired/.test(description ?? '');
  return {
    title: 'The sign-in cannot go on',
    detail: expired
      ? 'It took too long, was finished before, or you are signed in as somebody else by now.'
      : `The program asked for something that is not possible: ${description ?? error}.`,
    whatToDo: 'Go back to your program and start to sign in again.',
  };
}
