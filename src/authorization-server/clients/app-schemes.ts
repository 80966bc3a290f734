import { WELL_KNOWN_CLIENTS } from './well-known-clients.ts';

/** Schemes of apps that people use with MCP and that carry no domain. */
const KNOWN: ReadonlySet<string> = new Set([
  ...WELL_KNOWN_CLIENTS.flatMap(({ registration }) => registration?.redirectUris ?? [])
    .map((uri) => new URL(uri).protocol)
    .filter((protocol) => protocol !== 'https:' && protocol !== 'http:'),
  'vscode:',
  'vscode-insiders:',
  'vscodium:',
  'windsurf:',
  'kiro:',
  'trae:',
  'zed:',
  'raycast:',
  'goose:',
  'warp:',
  'claude:',
  'chatgpt:',
  'lmstudio:',
  'jetbrains:',
]);

/**
 * Whether an app may be sent back to by this scheme (with its colon): one that begins with a domain in reverse, which
 * RFC 8252 §7.1 asks for, or a well-known one. Any app can claim either, so people are asked every time.
 */
export function isAppScheme(scheme: string): boolean {
  return KNOWN.has(scheme) || /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:$/.test(scheme);
}
