import type { ProviderFetch } from './provider.ts';
import { ProviderFailure, quoted, unanswered } from './provider-failure.ts';

/** A JSON object that nobody has looked into yet. */
export type Document = Readonly<Record<string, unknown>>;

/** 2025-03-26 wants the version in requests for metadata; later revisions do not mind it. */
const HEADERS = { accept: 'application/json', 'mcp-protocol-version': '2025-11-25' };

/**
 * Gets a metadata document. Null: there is none at that place, which is also what a page for people or any other answer
 * of no use means.
 *
 * @throws ProviderFailure `transient` when the server does not answer or is failing: then nothing can be concluded from
 * its silence; `metadata` when the URL is out of reach
 */
export async function fetchDocument(url: URL, fetch: ProviderFetch): Promise<Document | null> {
  const response = await fetch(url.href, { headers: HEADERS, redirect: 'manual' }).catch((error) => {
    throw unanswered(error, `Metadata at ${quoted(url.href)}`);
  });
  if (response.status === 429 || response.status >= 500) {
    throw new ProviderFailure('transient', `${quoted(url.href)} answers ${response.status}.`);
  }
  if (response.status !== 200) return null;
  try {
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Document) : null;
  } catch {
    return null;
  }
}
