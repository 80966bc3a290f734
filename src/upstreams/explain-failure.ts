import type { AppError } from '../errors/app-error.ts';
import { isOauth, type Upstream, type UpstreamOauthAuth } from '../model/upstream.ts';
import { MissingReference } from './resolve-references.ts';
import type { TestStage } from './test-upstream.ts';

/** What an administrator is told about a failed stage. System error codes name no secret and are shown. */
export function explainFailure(
  upstream: Upstream,
  stage: TestStage,
  error: AppError,
): { detail: string; advice: string | undefined } {
  const code = systemCode(error.cause);
  const detail = code === undefined ? error.message : `${error.message} (${code})`;
  return { detail, advice: adviceFor(upstream, stage, error, code) };
}

function adviceFor(
  upstream: Upstream,
  stage: TestStage,
  error: AppError,
  code: string | undefined,
): string | undefined {
  if (upstream.transport === 'stdio') return adviceForProgram(upstream.name, stage, error);
  const fromSystem = code === undefined ? undefined : SYSTEM_ADVICE.find(([pattern]) => pattern.test(code))?.[1];
  if (fromSystem !== undefined) return fromSystem;
  const { auth } = upstream;
  if (isOauth(auth) && ABOUT_TOKENS.has(error.code)) return adviceForToken(upstream.name, auth, stage, error);
  if (error.code === 'upstream_credential_missing') return `Store it: toolgate upstream credential ${upstream.name}`;
  if (error.code === 'upstream_credential_rejected') {
    return `The upstream wants another credential: compare what it asks for with \`auth\`, then run toolgate upstream credential ${upstream.name}`;
  }
  if (error.code === 'upstream_timeout') {
    return stage === 'handshake'
      ? 'It accepts connections but does not answer MCP. Check the path of the URL, and whether it waits for a credential.'
      : 'It is slow. See whether it answers by hand, then raise `timeoutMs`.';
  }
  const status = error.data?.upstreamStatus;
  if (status === 404 || status === 405)
    return 'Check the path of the URL; many servers answer at /mcp, old ones at /sse with `transport: sse`.';
  if (typeof status === 'number' && status >= 300 && status < 400) return 'Configure the URL that it redirects to.';
  if (typeof status === 'number' && status >= 500)
    return 'The server, or a proxy before it, is failing; see its own log.';
  return undefined;
}

const SYSTEM_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^ENOTFOUND$|^EAI_AGAIN$/, 'The host name has no address. Check its spelling, and DNS on this machine.'],
  [/^ECONNREFUSED$/, 'Nothing listens there. Check host and port, and whether the server runs.'],
  [
    /^ETIMEDOUT$|^EHOSTUNREACH$|^ENETUNREACH$|^UND_ERR_CONNECT_TIMEOUT$/,
    'No way leads there. Check host and port, firewalls and VPN.',
  ],
  [/^ECONNRESET$|^UND_ERR_SOCKET$/, 'It breaks connections. Check http against https, and the log of the server.'],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/,
    'Its TLS certificate is not trusted here. Install its CA (NODE_EXTRA_CA_CERTS), or correct the certificate.',
  ],
  [
    /^(?:address|url)_not_allowed$/,
    'Its metadata or tokens are out of reach. Use https; for a provider in a private network set `reach: internal`, for one on this machine `reach: loopback`.',
  ],
  [/^ERR_TLS|^EPROTO$|^ERR_SSL/, 'TLS failed. Check http against https, and the port.'],
];

const ABOUT_TOKENS: ReadonlySet<string> = new Set([
  'connection_required',
  'connection_stopped',
  'upstream_credential_missing',
  'upstream_credential_rejected',
]);

/** What an account, a client or a provider is missing. Undefined where the failure itself says what to do. */
function adviceForToken(
  name: string,
  { kind, oauth }: UpstreamOauthAuth,
  stage: TestStage,
  error: AppError,
): string | undefined {
  const entry = oauth.client?.authMethod === 'private_key_jwt' ? 'client-key' : 'client-secret';
  switch (error.code) {
    case 'connection_required':
      return kind === 'oauth-shared'
        ? `Connect it: toolgate connection connect ${name} --shared`
        : `Whoever is meant connects it: toolgate connection connect ${name}`;
    case 'connection_stopped':
      return `Find out whether its provider has moved: toolgate connection show ${name}. If that is right, connect it again.`;
    case 'upstream_credential_missing':
      return `Store what its client proves itself with: toolgate upstream credential ${name} ${entry}`;
    case 'upstream_credential_rejected':
      if (stage === 'provider' || stage === 'credential') return undefined;
      return CONNECTED_BY_PEOPLE.has(kind)
        ? 'It takes no token of this account. See whether `issuer` is the provider that it names, whether `scopes` suffice and whether the account may use it; then connect it again.'
        : 'It takes no token of this client. See whether `issuer` is the provider that it names and whether `scopes` suffice.';
    default:
      return undefined;
  }
}

const CONNECTED_BY_PEOPLE: ReadonlySet<string> = new Set(['oauth-shared', 'oauth-per-user']);

const START_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'The program, or its folder `cwd`, was not found. Write the full path of `command`, or check PATH.',
  EACCES: 'The program may not be run, or its folder `cwd` not be entered. Check their permissions.',
};
const BY_HAND =
  'Run the command by hand in the same folder. Its standard error is in the gateway log; only PATH and the configured `env` reach it.';

/** A program has no address, so that nothing of the network can be to blame. */
function adviceForProgram(name: string, stage: TestStage, error: AppError): string | undefined {
  const { cause } = error;
  if (cause instanceof MissingReference) {
    return cause.kind === 'vault'
      ? `Store it: toolgate upstream credential ${name} ${cause.entry}`
      : 'Set it where the gateway is started, and restart the gateway.';
  }
  if (error.code === 'upstream_timeout') {
    return stage === 'handshake'
      ? 'The program runs, but says no MCP on its standard output. Check that the command starts a server for stdio, and that it waits for nothing.'
      : 'It is slow. See whether it answers by hand, then raise `timeoutMs`.';
  }
  const start = /could not be started \((\w+)\)/.exec(error.message)?.[1] ?? '';
  return START_ADVICE[start] ?? (error.code === 'upstream_unavailable' ? BY_HAND : undefined);
}

/** The code of the innermost error that has one. */
function systemCode(cause: unknown): string | undefined {
  let found: string | undefined;
  for (let error = cause, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string') found = code;
  }
  return found;
}
