import type { Preset } from './preset.ts';
import type { ProviderFailureKind } from './provider-failure.ts';

/** RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6. */
const KINDS: Readonly<Record<string, ProviderFailureKind>> = {
  invalid_grant: 'invalid_grant',
  invalid_client: 'invalid_client',
  unauthorized_client: 'invalid_client',
  invalid_scope: 'invalid_scope',
  access_denied: 'denied',
  interaction_required: 'denied',
  login_required: 'denied',
  consent_required: 'denied',
  account_selection_required: 'denied',
  temporarily_unavailable: 'transient',
  server_error: 'transient',
  slow_down: 'transient',
};

/** What an error code of a provider means for us; codes of its own are those of its preset. */
export function errorKind(error: string, preset: Preset | null): ProviderFailureKind {
  const code = preset?.errors?.[error] ?? error;
  return Object.hasOwn(KINDS, code) ? KINDS[code]! : 'protocol';
}

/**
 * What to try when a provider refuses what is asked for without being told to: `resource` (RFC 8707), of which some, such as
 * Entra, want none at all; `offline_access`, which Keycloak lists also for people who may not have it.
 */
export function adviceFor(error: string, description: string | null | undefined): string {
  if (error === 'invalid_target' || /resource/i.test(description ?? '')) return ' Try `sendResource: false`.';
  return /offline/i.test(description ?? '') ? ' Set `scopes` without `offline_access`.' : '';
}
