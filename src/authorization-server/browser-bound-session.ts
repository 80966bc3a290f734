import type { Interaction, KoaContextWithOIDC, Session } from 'oidc-provider';
import type { BrowserSession } from '../identity/browser-sessions.ts';
import type { ServerContext } from './context.ts';
import type { OidcProvider } from './oidc-library.ts';

/** What the library's sessions are made with; not in its types. */
interface SessionModel {
  get(ctx: KoaContextWithOIDC): Promise<Session>;
  findByUid(uid: string): Promise<Pick<Session, 'accountId'>>;
  instantiate(): Session;
}

/**
 * Lets the browser session alone say who is signed in: the library's own sessions are made from it for one request each,
 * and never kept. So several sign-ins can be under way in one browser, also such that begin at once, and who signs out, or
 * in as somebody else, in the middle of one has to begin that one again.
 */
export function bindToBrowserSession(context: ServerContext, provider: OidcProvider): void {
  const model = provider.Session as unknown as SessionModel;

  model.get = async (ctx) => {
    const browser = await context.browserSessions.read(ctx.req);
    const session = model.instantiate();
    if (browser !== null && !(await isAnsweredForAnother(provider, ctx, browser))) signIn(session, browser);
    // Whether there is anybody to sign out is decided in end-session/; the library would answer with a page of its own.
    if (ctx.oidc?.route === 'end_session') Object.assign(session, { accountId: browser?.userId ?? 'nobody' });
    // The answer of a sign-in page is that the browser session is there now.
    session.loginAccount = () => undefined;
    // What the library keeps is what was touched.
    Object.defineProperty(session, 'touched', { get: () => false, set: () => undefined });
    ctx.oidc?.entity('Session', session);
    return session;
  };

  // Asked for by who was signed in when a question was put; whether they still are is looked at with the answer.
  model.findByUid = async (uid) => ({ accountId: uid });
}

/** Its `uid` is what an interaction remembers, to be compared when it is answered. */
function signIn(session: Session, { userId, authenticatedAt, methods }: BrowserSession): void {
  Object.assign(session, {
    uid: userId,
    accountId: userId,
    loginTs: Math.floor(authenticatedAt / 1000),
    amr: [...methods],
  });
}

/** Somebody else has signed in since the question who it is was answered: it has to be asked again. */
async function isAnsweredForAnother(provider: OidcProvider, ctx: KoaContextWithOIDC, browser: BrowserSession) {
  if (ctx.oidc?.route !== 'resume') return false;
  const id = ctx.cookies.get(provider.cookieName('resume'), { signed: true });
  const interaction: Interaction | undefined = id === undefined ? undefined : await provider.Interaction.find(id);
  const answered = interaction?.result?.login?.accountId;
  return answered !== undefined && answered !== browser.userId;
}
