import type { Config } from '../config/config.ts';
import { safeFetch } from '../lib/safe-fetch.ts';
import { type Finding, ok, warn } from './finding.ts';

/** The document of a client that many people have. What it says is not looked at, only whether it can be had. */
const WELL_KNOWN = 'https://claude.ai/oauth/claude-code-client-metadata';
const TIMEOUT_MS = 3_000;

/**
 * Whether the gateway could read the metadata documents of clients, which are on the internet: without a way out, people
 * whose client sends one wait for a sign-in that then fails. Nothing where documents are switched off.
 */
export async function checkMetadataDocuments(
  { oauth }: Pick<Config, 'oauth'>,
  fetch: typeof safeFetch = safeFetch,
): Promise<Finding[]> {
  const { enabled, domains } = oauth.clients.metadataDocuments;
  if (!oauth.enabled || !enabled) return [];
  const [domain] = domains;
  const url = domain === undefined ? WELL_KNOWN : `https://${domain}/`;
  const { host } = new URL(url);
  try {
    await fetch(url, { reach: 'public', timeoutMs: TIMEOUT_MS });
    return [ok('client documents', `${host} answers: metadata documents of clients can be read`)];
  } catch (error) {
    // An answer all the same: only redirects and large pages are not taken.
    const { code, message } = error as { code?: string; message: string };
    if (code === 'redirected' || code === 'too_large' || code === 'encoded') {
      return [ok('client documents', `${host} answers: metadata documents of clients can be read`)];
    }
    return [
      warn(
        'client documents',
        `Clients whose id is a metadata document cannot sign in: ${host} is out of reach (${message}).`,
        'Let the gateway reach the internet by https, or set `oauth.clients.metadataDocuments.enabled: false`: clients then register themselves.',
      ),
    ];
  }
}
