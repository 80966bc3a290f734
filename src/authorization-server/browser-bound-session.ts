import type { KoaContextWithOIDC, Session } from 'oidc-provider';
import type { BrowserSession } from '../identity/browser-sessions.ts';
import type { ServerContext } from './context.ts';
import type { OidcProvider } from './oidc-library.ts';

/** What the library's sessions are made with; not in its types. */
interface SessionModel {
  get(ctx: KoaContextWithOIDC): Promise<Session>;
  instantiate(payload?: object): Session;
}

/**
 * Makes the library's session a shadow of the browser session, which alone says who is signed in. An authorization begins
 * with a new one of that person. Later steps use the same one as long as the person is the same: who signs out, or in as
 * somebody else, in the middle of it has to start again.
 */
export function bindToBrowserSession(context: ServerContext, provider: OidcProvider): void {
  const model = provider.Session as unknown as SessionModel;
  const getFromCookie = model.get.bind(model);

  model.get = async (ctx) => {
    if (ctx.oidc === undefined) return getFromCookie(ctx);
    const browser = await context.browserSessions.read(ctx.req);
    const session = ctx.oidc.route === 'authorization' ? model.instantiate() : await getFromCookie(ctx);
    if (session.accountId !== undefined && session.accountId !== browser?.userId)
      return enter(ctx, model.instantiate());
    // In the middle of an authorization the answer of the sign-in says who it is.
    if (session.accountId === undefined && browser !== null && !isResumed(ctx)) signIn(session, browser);
    return enter(ctx, session);
  };
}

const isResumed = (ctx: KoaContextWithOIDC): boolean =>
  ctx.oidc.route === 'resume' || ctx.oidc.route === 'device_resume';

function signIn(session: Session, browser: BrowserSession): void {
  session.loginAccount({
    accountId: browser.userId,
    loginTs: Math.floor(browser.authenticatedAt / 1000),
    amr: [...browser.methods],
    transient: true,
  });
  // Without it a new session that nobody wrote to is not kept.
  Object.assign(session, { touched: true });
}

function enter(ctx: KoaContextWithOIDC, session: Session): Session {
  ctx.oidc.entity('Session', session);
  return session;
}
