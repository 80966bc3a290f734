/**
 * Every page there is, filled in twice: with what an ordinary day brings, and with what somebody brings who controls every
 * field that is not ours to choose.
 */
import { consentPage } from '../../src/authorization-server/pages/consent-page.ts';
import { deviceConfirmPage } from '../../src/authorization-server/pages/device-confirm-page.ts';
import { deviceDonePage } from '../../src/authorization-server/pages/device-done-page.ts';
import { devicePage } from '../../src/authorization-server/pages/device-page.ts';
import { grantedPage } from '../../src/authorization-server/pages/granted-page.ts';
import { logoutPage } from '../../src/authorization-server/pages/logout-page.ts';
import { connectPage } from '../../src/connect/pages/connect-page.ts';
import { connectedPage } from '../../src/connect/pages/connected-page.ts';
import { myConnectionsPage } from '../../src/connect/pages/my-connections-page.ts';
import { scopeLines } from '../../src/connect/scope-words.ts';
import { continuePage } from '../../src/http/pages/continue-page.ts';
import { errorPage } from '../../src/http/pages/error-page.ts';
import type { Html } from '../../src/http/pages/html.ts';
import { setupPage } from '../../src/identity/pages/setup-page.ts';
import { signInPage } from '../../src/identity/pages/sign-in-page.ts';
import { signedInPage } from '../../src/identity/pages/signed-in-page.ts';
import { signedOutPage } from '../../src/identity/pages/signed-out-page.ts';
import { testDonePage } from '../../src/identity/pages/test-done-page.ts';
import { totpPage } from '../../src/identity/pages/totp-page.ts';

/** A picture of the size and weight of a QR code; nothing reads it. */
const QR = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 25 25" shape-rendering="crispEdges"><path d="${Array.from(
  { length: 625 },
  (_, i) => ((i * 7919) % 11 < 5 ? `M${i % 25} ${Math.floor(i / 25)}h1v1h-1z` : ''),
).join('')}"/></svg>`;

const csrf = 'c5rf-t0ken';
const decision = {
  action: '/oauth/consent',
  csrf,
  user: { name: 'ann.larsen@example.com' },
  switchAccountHref: '/sign-in?return_to=%2Foauth%2Fauthorize&again=1',
};
const access = {
  resource: { title: 'Example Tools', url: 'https://mcp.example.com/mcp' },
  upstreams: [
    { name: 'jira', title: 'Jira' },
    { name: 'github', title: 'GitHub' },
    { name: 'notes', title: 'notes' },
  ],
  scopes: [
    { scope: 'mcp:jira', text: 'Use every tool of Jira', detail: 'Also those that change or delete.' },
    { scope: 'mcp:github:read', text: 'Read from GitHub', detail: 'Resources, prompts and tools that change nothing.' },
    { scope: 'mcp:notes:read_note', text: 'Use the tool “read_note” of notes' },
    { scope: 'offline_access', text: 'Stay connected while you are away' },
  ],
};
const documented = {
  id: 'https://claude.ai/oauth/claude-code-client-metadata',
  name: 'Claude Code',
  verifiedHost: 'claude.ai',
  uri: 'https://claude.ai',
  source: 'metadata-document',
} as const;
const registered = {
  id: 'cl_7Qw0Zx93bY',
  name: 'MCP Inspector',
  verifiedHost: null,
  source: 'registered',
} as const;
const configured = { id: 'build-bot', name: 'Build bot', verifiedHost: null, source: 'configured' } as const;

const providers = [
  { name: 'okta', title: 'Example Okta', href: '/sign-in/okta' },
  { name: 'entra', title: 'Microsoft Entra ID', href: '/sign-in/entra' },
];
const signIn = { action: '/sign-in', csrf, returnTo: '/oauth/authorize?client_id=a&scope=b', providers, local: true };
const totp = { uri: 'otpauth://totp/Toolgate:ann?secret=JBSWY3DPEHPK3PXP', secret: 'JBSWY3DPEHPK3PXP', qrSvg: QR };

const NOON = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const { user, switchAccountHref } = decision;
const connect = {
  action: '/connect/github',
  csrf,
  fields: { host: 'github.com' },
  user,
  switchAccountHref,
  upstream: 'github',
  upstreamHost: 'api.githubcopilot.com',
  host: 'github.com',
  issuer: 'https://github.com/login/oauth',
  scopes: scopeLines(['repo', 'read:org', 'user:email'], 'github'),
  usedBy: 'person',
  clientSource: 'configured',
  account: null,
  warning: null,
  cancel: { href: '/connect', text: 'Cancel' },
  remaining: 0,
} as const;
const connection = {
  state: 'connected',
  account: 'ann-larsen',
  host: 'github.com',
  scopes: connect.scopes,
  connectedAt: NOON - 12 * DAY,
  expiresAt: NOON + 52 * MINUTE,
  refreshExpiresAt: NOON + 168 * DAY,
  lastUsedAt: NOON - 4 * MINUTE,
  lastUsedBy: 'Claude Code',
  nextAction: null,
} as const;
const service = (upstream: string) => ({
  upstream,
  connection: null,
  connectHref: `/connect/${upstream}`,
  disconnectAction: `/connect/${upstream}/disconnect`,
});
const myConnections = { csrf, user, switchAccountHref, mine: [], shared: null, connectAllHref: null, now: NOON };

/** By name; the names are paths of the server in `page-server.ts`. */
export const ORDINARY: Readonly<Record<string, () => Html>> = {
  'sign-in': () => signInPage(signIn),
  'sign-in-local': () => signInPage({ ...signIn, providers: [] }),
  'sign-in-providers': () => signInPage({ ...signIn, local: false }),
  'sign-in-nothing': () => signInPage({ ...signIn, local: false, providers: [] }),
  'sign-in-failed': () =>
    signInPage({
      ...signIn,
      loginHint: 'ann',
      error: 'Name or password is wrong. After five failures the account is locked for 15 minutes.',
    }),
  totp: () => totpPage({ action: '/sign-in/totp', csrf }),
  'totp-failed': () => totpPage({ action: '/sign-in/totp', csrf, error: 'This code is not right, or no longer.' }),
  setup: () => setupPage({ action: '/setup/x', csrf, userName: 'ann.larsen@example.com', purpose: 'setup', totp }),
  'recovery-failed': () =>
    setupPage({
      action: '/setup/x',
      csrf,
      userName: 'ann',
      purpose: 'recovery',
      error: 'Both passwords must be the same.',
      totp: { ...totp, required: true },
    }),
  'signed-in': () =>
    signedInPage({
      ...decision,
      userName: 'ann.larsen@example.com',
      signOutAction: '/sign-out',
      connectionsHref: '/connect',
    }),
  'test-done': () => testDonePage(),
  'signed-out': () => signedOutPage({ signInHref: '/sign-in' }),
  'sign-out': () =>
    logoutPage({
      action: '/oauth/end-session/confirm?client_id=cli_1',
      csrf,
      userName: 'ann.larsen@example.com',
      clientName: 'Example Editor',
    }),
  consent: () =>
    consentPage({
      ...decision,
      ...access,
      client: documented,
      redirectHost: 'localhost:3118',
      isLoopback: true,
      isNew: true,
    }),
  'consent-web': () =>
    consentPage({
      ...decision,
      ...access,
      client: { ...documented, name: 'Claude' },
      redirectHost: 'claude.ai',
      isLoopback: false,
      remembered: true,
      isNew: false,
    }),
  'consent-registered': () =>
    consentPage({
      ...decision,
      ...access,
      client: registered,
      redirectHost: 'cursor:',
      isLoopback: false,
      isAppScheme: true,
      isNew: true,
    }),
  'consent-configured': () =>
    consentPage({
      ...decision,
      ...access,
      client: configured,
      redirectHost: 'bot.example.com',
      isLoopback: false,
      remembered: true,
      isNew: false,
    }),
  granted: () => grantedPage({ href: '/oauth/authorize/resume', allowed: true }),
  denied: () => grantedPage({ href: '/oauth/authorize/resume', allowed: false }),
  continue: () => continuePage({ title: 'You are signed in', text: 'You are taken on.', href: '/after' }),
  device: () => devicePage({ action: '/oauth/device', csrf }),
  'device-failed': () =>
    devicePage({ action: '/oauth/device', csrf, userCode: 'WDJB-MJHT', error: 'This code is not right, or too old.' }),
  'device-confirm': () =>
    deviceConfirmPage({
      ...decision,
      ...access,
      userCode: 'WDJB-MJHT',
      client: registered,
      address: '203.0.113.9',
      place: 'the same network as you',
    }),
  'device-done': () => deviceDonePage({ allowed: true, client: registered }),
  'device-denied': () => deviceDonePage({ allowed: false, client: documented }),
  connect: () => connectPage(connect),
  'connect-unknown-scopes': () =>
    connectPage({
      ...connect,
      upstream: 'notion',
      host: 'mcp.notion.com',
      issuer: 'https://mcp.notion.com',
      scopes: [],
      clientSource: 'metadata-document',
      account: 'ann@example.com',
      cancel: { href: '/connect/slack?next=all', text: 'Skip' },
      remaining: 2,
    }),
  'connect-shared': () =>
    connectPage({ ...connect, usedBy: 'everybody', warning: 'The provider lists no PKCE; it is used all the same.' }),
  connected: () =>
    connectedPage({
      upstream: 'github',
      account: 'ann-larsen',
      host: 'github.com',
      nextAction: null,
      connectionsHref: '/connect',
      againHref: '/connect/github?again=1',
    }),
  'my-connections': () =>
    myConnectionsPage({
      ...myConnections,
      mine: [
        { ...service('github'), connection },
        {
          ...service('jira'),
          connection: {
            ...connection,
            state: 'needs_reauth',
            account: 'ann.larsen@example.com',
            host: 'auth.atlassian.com',
            lastUsedBy: 'Cursor',
            nextAction: 'Atlassian does not take the connection any more. Connect it again.',
          },
        },
        { ...service('linear'), connection: { ...connection, state: 'failing', host: 'linear.app' } },
        service('notion'),
        service('slack'),
        { ...service('wiki'), connection: { ...connection, state: 'connected' }, connectHref: null },
      ],
      shared: [
        { ...service('sentry'), as: 'shared', connectHref: '/connect/sentry?as=shared' },
        {
          ...service('status'),
          as: 'shared',
          connection: {
            ...connection,
            state: 'changed_issuer',
            nextAction: 'It names another provider than before. Nothing is sent there until you have looked at it.',
          },
        },
      ],
      connectAllHref: '/connect/jira?next=all',
    }),
  'my-connections-none': () => myConnectionsPage(myConnections),
  error: () =>
    errorPage({
      title: 'This sign-in has expired',
      detail: 'It was started more than ten minutes ago, or in another browser.',
      whatToDo: 'Go back to the program that you came from and sign in from there again.',
      code: 'login_state_invalid',
      requestId: 'req_9f86d081884c1a',
      again: { href: '/sign-in', text: 'Sign in' },
    }),
};

/** What each would do: `window.ran` is set if anything runs. */
export const PAYLOADS = [
  '<script>window.ran=1</script>',
  '"><script>window.ran=1</script>',
  `'"><img src=x onerror=window.ran=1>`,
  '<svg onload=window.ran=1>',
  '" autofocus onfocus="window.ran=1" x="',
  "' autofocus onfocus='window.ran=1' x='",
  '</title><script>window.ran=1</script>',
  '</style></textarea></noscript><iframe srcdoc="<script>parent.window.ran=1</script>">',
  '<style>*{display:none}</style>',
  '<base href="https://evil.example/"><form action="https://evil.example/"><button>',
  '<meta http-equiv="refresh" content="0;url=javascript:window.ran=1">',
  'javascript:window.ran=1//',
  '&#60;script&#62;window.ran=1&#60;/script&#62;',
  '${window.ran=1}{{constructor.constructor("window.ran=1")()}}',
  '\u2028<script>window.ran=1</script>\u0000<scr\u0000ipt>',
] as const;

/** Every field holds `text`, except those whose values are ours: actions, paths and tokens that this gateway makes. */
export function hostilePages(text: string): Readonly<Record<string, () => Html>> {
  const client = (source: 'metadata-document' | 'registered' | 'configured') => ({
    id: text,
    name: text,
    verifiedHost: source === 'metadata-document' ? text : null,
    uri: text,
    source,
  });
  const hostile = {
    resource: { title: text, url: text },
    upstreams: Array.from({ length: 12 }, () => ({ name: `n${text}`, title: text })),
    scopes: Array.from({ length: 40 }, () => ({ scope: text, text, detail: text })),
  };
  const decide = { ...decision, csrf: text, user: { name: text } };
  const hostileConnect = {
    ...connect,
    csrf: text,
    user: { name: text },
    fields: { host: text, as: text, for: text },
    upstream: text,
    upstreamHost: text,
    host: text,
    issuer: text,
    account: text,
    warning: text,
  };
  const consent = { ...decide, ...hostile, redirectHost: text, isLoopback: false, isNew: true };
  return {
    'sign-in': () =>
      signInPage({
        action: '/sign-in',
        csrf: text,
        returnTo: text,
        providers: [{ name: text, title: text, href: '/sign-in/x' }],
        local: true,
        error: text,
        loginHint: text,
      }),
    totp: () => totpPage({ action: '/sign-in/totp', csrf: text, error: text }),
    setup: () =>
      setupPage({
        action: '/setup/x',
        csrf: text,
        userName: text,
        purpose: 'setup',
        error: text,
        totp: { uri: 'otpauth://totp/x', secret: text, qrSvg: `<svg xmlns="http://www.w3.org/2000/svg">${text}</svg>` },
      }),
    'signed-in': () =>
      signedInPage({ ...decide, userName: text, signOutAction: '/sign-out', connectionsHref: '/connect' }),
    'sign-out': () =>
      logoutPage({ action: '/oauth/end-session/confirm', csrf: text, userName: text, clientName: text }),
    consent: () => consentPage({ ...consent, client: client('metadata-document') }),
    'consent-registered': () => consentPage({ ...consent, client: client('registered'), isLoopback: true }),
    'consent-configured': () => consentPage({ ...consent, client: client('configured'), isAppScheme: true }),
    continue: () => continuePage({ title: text, text, href: '/after' }),
    device: () => devicePage({ action: '/oauth/device', csrf: text, userCode: text, error: text }),
    'device-confirm': () =>
      deviceConfirmPage({
        ...decide,
        ...hostile,
        userCode: text,
        client: client('registered'),
        address: text,
        place: text,
      }),
    'device-done': () => deviceDonePage({ allowed: true, client: client('registered') }),
    connect: () =>
      connectPage({
        ...hostileConnect,
        usedBy: { serviceAccount: text },
        scopes: Array.from({ length: 40 }, (_, i) => ({ scope: text, text: i % 2 === 0 ? text : null })),
      }),
    'connect-shared': () => connectPage({ ...hostileConnect, usedBy: 'everybody', scopes: [] }),
    connected: () =>
      connectedPage({
        upstream: text,
        account: text,
        host: text,
        nextAction: text,
        connectionsHref: '/connect',
        againHref: '/connect/x?again=1',
      }),
    'my-connections': () =>
      myConnectionsPage({
        ...myConnections,
        csrf: text,
        user: { name: text },
        mine: [
          {
            ...service('x'),
            upstream: text,
            as: text,
            connection: {
              ...connection,
              account: text,
              host: text,
              scopes: [
                { scope: text, text: null },
                { scope: text, text },
              ],
              lastUsedBy: text,
              nextAction: text,
            },
          },
        ],
      }),
    error: () => errorPage({ title: text, detail: text, whatToDo: text, code: text, requestId: text }),
  };
}

/** Text that harms by how it looks. */
export const LOOKS = {
  long: 'Anthropic-Claude-Code-Official-Verified-Enterprise-'.repeat(20),
  'long-host': `${'a.'.repeat(60)}claude.ai.${'very-long-label-'.repeat(6)}evil.example`,
  override: '\u202egpj.tnemucod\u202c \u2066evil\u2069 \u200bzero\u200b',
  zalgo: `Claude${'\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308'.repeat(40)} Code${'\u0321\u0322\u0323\u0324'.repeat(60)}`,
  rtl: 'תוכנה טובה מאוד – برنامج جيد جدا',
  lines: `Claude\n\n\n\n\nAllowed by your administrator.\n\n\n${'\n'.repeat(200)}x`,
} as const;
