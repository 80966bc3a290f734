import { ProviderFailure } from './provider-failure.ts';

/** What an endpoint of a provider answers, before anything in it is believed. */
export interface ProviderAnswer {
  readonly status: number;
  /** Null when it is no JSON object. */
  readonly body: Readonly<Record<string, unknown>> | null;
  /** The error in it, with whatever status it came; null: it says none. */
  readonly error: string | null;
  readonly description: string | null;
}

/**
 * Reads an answer as leniently as providers are careless: errors with status 200 (GitHub), `ok: false` (Slack), forms
 * instead of JSON.
 *
 * @throws ProviderFailure `transient` when the provider itself is failing or wants to be asked later
 */
export async function readAnswer(response: Response, what: string): Promise<ProviderAnswer> {
  const { status } = response;
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    throw new ProviderFailure('transient', `${what} answers ${status}.`);
  }
  const text = await response.text();
  const body = parse(text, response.headers.get('content-type') ?? '');
  const error = typeof body?.error === 'string' && body.error !== '' ? body.error : null;
  const description = typeof body?.error_description === 'string' ? body.error_description : null;
  return { status, body, error: error ?? (body?.ok === false ? 'unknown_error' : null), description };
}

function parse(text: string, contentType: string): Readonly<Record<string, unknown>> | null {
  if (contentType.startsWith('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
