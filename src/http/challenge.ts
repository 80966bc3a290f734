import type { AppError } from '../errors/app-error.ts';
import { CATALOG } from '../errors/catalog.ts';
import { scopeOfResource } from '../model/scope.ts';
import { DPOP_ALGORITHMS, resourceMetadataUrl } from './protected-resource-metadata.ts';

export interface ChallengeOptions {
  /** Where the protected resource metadata of the resource that was called is (RFC 9728 §5.1). */
  readonly resourceMetadata: string;
  /** All scopes that the operation needs. */
  readonly scopes?: readonly string[] | undefined;
}

/**
 * The challenge of a protected resource; undefined for an error that no other credential cures. `data.scopes` of the error
 * says what to ask for; without, it is the scope of the whole resource.
 */
export function resourceChallenge(error: AppError, publicUrl: string, resourcePath: string): string | undefined {
  if (error.status !== 401 && error.code !== 'insufficient_scope') return undefined;
  return challengeFor(error, {
    resourceMetadata: resourceMetadataUrl(publicUrl, resourcePath),
    scopes: (error.data?.scopes as readonly string[] | undefined) ?? [scopeOfResource(resourcePath)],
  });
}

/**
 * The value of `WWW-Authenticate` for a refused credential (RFC 6750 §3, RFC 9728 §5.1, for a bound token RFC 9449 §7.1). `error` and `error_description`
 * are left out when no credential was sent at all, as RFC 6750 §3.1 asks for: there was nothing to be wrong.
 */
export function challengeFor(error: AppError, options: ChallengeOptions): string {
  const parameters: [string, string][] = [['realm', 'toolgate']];
  const code = CATALOG[error.code].challenge;
  if (code !== undefined) parameters.push(['error', code], ['error_description', describable(error.message)]);
  const scope = (options.scopes ?? []).filter((token) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(token)).join(' ');
  if (scope !== '') parameters.push(['scope', scope]);
  parameters.push(['resource_metadata', options.resourceMetadata]);
  const scheme = code === 'invalid_dpop_proof' || code === 'use_dpop_nonce' ? 'DPoP' : 'Bearer';
  if (scheme === 'DPoP') parameters.push(['algs', DPOP_ALGORITHMS.join(' ')]);
  return `${scheme} ${parameters.map(([name, value]) => `${name}=${quoted(value)}`).join(', ')}`;
}

const ASCII: Record<string, string> = {
  '"': "'",
  '`': "'",
  '\\': '/',
  '…': '...',
  '–': '-',
  '—': '-',
  '−': '-',
  '’': "'",
};

/** RFC 6750 §3 allows %x20-21 / %x23-5B / %x5D-7E here, which is less than a quoted string could hold. */
function describable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]|`/gu, (character) => ASCII[character] ?? '?');
}

/** A quoted string (RFC 9110 §5.6.4). What no header can hold (controls, line breaks) becomes `?`. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[^\x20-\x7e]/gu, '?').replaceAll(/["\\]/g, '\\$&')}"`;
}
