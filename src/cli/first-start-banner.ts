import type { Secret } from '../lib/secret.ts';
import { commandName } from './command-name.ts';
import { renderConnectLines } from './connect-lines.ts';
import type { Style } from './style.ts';

export interface FirstStart {
  /** Where clients reach the gateway, without a path. */
  readonly url: string;
  readonly ownerKey: Secret;
  readonly serviceKey: Secret;
  /** Where the owner chooses a password; null where nobody signs in with one. */
  readonly setupUrl: string | null;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute; the configuration that was written or found, if any. */
  readonly configFile: string | undefined;
  readonly version: string;
  /** What TOOLGATE_URL must hold for commands to reach the gateway; null where they do without it. */
  readonly commandUrl: string | null;
}

/**
 * What the very first start prints: the only time that the first two keys are shown. The lines for clients carry the
 * service key: whoever pastes them must not hand the owner key to an agent.
 */
export function firstStartBanner(start: FirstStart, { bold, dim, yellow }: Style): string {
  const endpoint = `${start.url}/mcp`;
  const places = [
    `  Data folder     ${start.dataDir}`,
    ...(start.configFile === undefined ? [] : [`  Configuration   ${start.configFile}`]),
  ];
  return [
    '',
    bold(`Toolgate ${start.version} is ready.`),
    '',
    `  MCP endpoint    ${bold(endpoint)}`,
    ...places,
    '',
    yellow('Two access keys were made. They are shown this once: keep them now.'),
    '',
    `  Owner key       ${bold(start.ownerKey.reveal())}`,
    dim('                  for you: administers the gateway.'),
    '',
    `  Service key     ${bold(start.serviceKey.reveal())}`,
    dim('                  for your first agent: may call every tool, administers nothing'),
    '',
    ...(start.setupUrl === null ? [] : signInLines(start.setupUrl, endpoint, { bold, dim })),
    bold('Connect a client') + dim('  (with the service key)'),
    '',
    renderConnectLines({ endpoint, key: start.serviceKey.reveal() }, dim),
    '',
    `${bold('Next')}, with the owner key in TOOLGATE_KEY`,
    '',
    ...(start.commandUrl === null ? [] : [`  export TOOLGATE_URL=${start.commandUrl}`]),
    `  ${commandName('upstream list')}`,
    `  ${commandName('doctor')}`,
    `  ${commandName('--help')}`,
    '',
  ].join('\n');
}

/** The way without a key: the client asks the browser, and whoever is signed in there says what it may do. */
function signInLines(setupUrl: string, endpoint: string, { bold, dim }: Pick<Style, 'bold' | 'dim'>): string[] {
  return [
    bold('Sign in with your browser') + dim('  (no key in any file)'),
    '',
    dim('  Choose the password of the account "owner" here, once:'),
    `    ${setupUrl}`,
    dim('  Then add the address alone; the client opens the browser by itself:'),
    `    claude mcp add --transport http toolgate ${endpoint}`,
    '',
  ];
}

export interface Ready {
  readonly url: string;
  readonly version: string;
  readonly dataDir: string;
  readonly openToAll: boolean;
}

/** What every later start prints: two lines, and a loud one where nobody is asked for a key. */
export function readyMessage({ url, version, dataDir, openToAll }: Ready, { bold, dim, red }: Style): string {
  const lines = [
    `${bold(`Toolgate ${version} is ready at ${url}/mcp`)}`,
    dim(`Data folder ${dataDir} · stop with Ctrl-C`),
  ];
  return [...(openToAll ? [openWarning(red)] : []), ...lines].join('\n');
}

/** `auth: none` is for trying things out and must not go unnoticed. */
export function openWarning(red: (text: string) => string): string {
  const rule = '!'.repeat(78);
  return red(
    [
      rule,
      '!!  AUTHENTICATION IS OFF (auth: none).',
      '!!  Every program on this machine may call every tool of every upstream.',
      '!!  Set `auth: keys` for anything but trying things out.',
      rule,
    ].join('\n'),
  );
}
