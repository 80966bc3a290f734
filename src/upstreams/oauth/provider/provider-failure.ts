import { escapeUnprintable } from '../../../audit/escape-unprintable.ts';
import { redactSecretText } from '../../../audit/redact-secret-text.ts';
import { SafeFetchError } from '../../../lib/safe-fetch-error.ts';
import type { Secret } from '../../../lib/secret.ts';

export type ProviderFailureKind =
  /** It cannot be reached, is overloaded, or failed by itself: later it may work. */
  | 'transient'
  /** The code, the refresh token or the whole grant is dead: the person has to connect again. */
  | 'invalid_grant'
  /** It does not know the client, or not its secret. */
  | 'invalid_client'
  | 'invalid_scope'
  /** The person, or a rule of the provider, said no. */
  | 'denied'
  /** There is no client, and the gateway cannot make one: an administrator has to. */
  | 'registration'
  /** What the upstream or the provider says about itself is missing, contradicts itself, or is unsafe. */
  | 'metadata'
  /** Another provider than the one that everything is bound to. Nothing was sent there. */
  | 'changed_issuer'
  /** It answers what no specification allows. */
  | 'protocol';

const MAX_DETAIL = 200;
const MAX_QUOTE = 80;

/**
 * Why something with a provider did not work. The message may be shown to people and logged: one line of at most 200
 * printable characters, without secrets; what the provider itself said stands in it in quotes.
 */
export class ProviderFailure extends Error {
  readonly kind: ProviderFailureKind;

  constructor(kind: ProviderFailureKind, detail: string, options?: { cause?: unknown }) {
    super(cut(escapeUnprintable(detail), MAX_DETAIL), options);
    this.name = 'ProviderFailure';
    this.kind = kind;
  }

  get detail(): string {
    return this.message;
  }
}

/**
 * Text of a provider, in quotes, to be put into the message of a ProviderFailure.
 *
 * @param secrets what was sent to it, and must not come back in its error messages
 */
export function quoted(text: string, secrets: readonly (Secret | null)[] = []): string {
  const safe = withoutSecrets(text, secrets);
  return `“${cut(escapeUnprintable(redactSecretText(safe)).replaceAll(/[“”]/g, '"'), MAX_QUOTE)}”`;
}

/** As they are, as they stand in a form or a URL, and within something in Base64, such as a repeated `Authorization` header. */
function withoutSecrets(text: string, secrets: readonly (Secret | null)[]): string {
  const forms = secrets.flatMap((secret) => {
    const value = secret?.reveal() ?? '';
    const inForm = new URLSearchParams([['', value]]).toString().slice(1);
    const encoded = [encodeURIComponent(value), encodeURIComponent(value).replaceAll('%20', '+'), inForm];
    return [value, ...encoded, ...encoded.map((each) => each.replaceAll(/%../g, (hex) => hex.toLowerCase()))];
  });
  const known = [...new Set(forms)].filter((form) => form !== '').sort((a, b) => b.length - a.length);
  if (known.length === 0) return text;
  const plain = known.reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
  return plain.replaceAll(/[\w+/-]{8,}/g, (run) => {
    const decoded = Buffer.from(run, 'base64').toString();
    return known.some((form) => decoded.includes(form)) ? '[redacted]' : run;
  });
}

/** The failure of a request that got no answer. Anything that is a ProviderFailure already stays what it is. */
export function unanswered(error: unknown, what: string): ProviderFailure {
  if (error instanceof ProviderFailure) return error;
  if (!(error instanceof SafeFetchError)) return new ProviderFailure('protocol', `${what} cannot be used.`);
  const later = error.code === 'timeout' || error.code === 'unreachable';
  return new ProviderFailure(later ? 'transient' : 'metadata', `${what} cannot be used: ${error.message}`, {
    cause: error,
  });
}

const cut = (text: string, length: number): string => {
  if (text.length <= length) return text;
  // Not within a surrogate pair.
  return `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
};
