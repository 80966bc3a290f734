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
 * Makes the library's session a shadow of the browser session, which alone says who is signed in. Several authorizations
 * that are under way share it as long as the person is the same: who signs out, or in as somebody else, in the middle of
 * one has to start that one again.
 */
export function bindToBrowserSession(context: ServerContext, provider: OidcProvider): void {
  const model = provider.Session as unknown as SessionModel;
  const getFromCookie = model.get.bind(model);

  model.get = async (ctx) => {
    if (ctx.oidc === undefined) return getFromCookie(ctx);
    const browser = await context.browserSessions.read(ctx.req);
    const known = await getFromCookie(ctx);
    const isSame = known.accountId === undefined || known.accountId === browser?.userId;
    const session = isSame ? known : model.instantiate();
    // In the middle of an authorization, its own sign-in says who it is.
    const isBegin = ctx.oidc.route === 'authorization';
    if (browser !== null && isBegin && !isUpToDate(session, browser)) signIn(session, browser);
    ctx.oidc.entity('Session', session);
    return session;
  };
}

const secondsOf = ({ authenticatedAt }: BrowserSession): number => Math.floor(authenticatedAt / 1000);

const isUpToDate = (session: Session, browser: BrowserSession): boolean =>
  session.accountId === browser.userId && session.loginTs === secondsOf(browser);

function signIn(session: Session, browser: BrowserSession): void {
  session.loginAccount({
    accountId: browser.userId,
    loginTs: secondsOf(browser),
    amr: [...browser.methods],
    transient: true,
  });
  // Without it a new session that nobody wrote to is not kept.
  Object.assign(session, { touched: true });
}
