import type { UpstreamOauth } from '../../../model/upstream.ts';
import type { Challenge } from './challenge.ts';
import type { Preset } from './preset.ts';
import type { Provider } from './provider.ts';
import { ProviderFailure } from './provider-failure.ts';

export interface ScopesOptions {
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  readonly provider: Provider;
  /** What the upstream asks for right now; null: what it asked for when it was looked at. */
  readonly challenge: Challenge | null;
  /** What the connection has, or asked for before: it is kept (2026-07-28, "Step-Up Authorization Flow"). */
  readonly granted: readonly string[];
}

const OFFLINE = 'offline_access';

/**
 * The scopes to ask for, no more than needed: those of the settings; or the read-only ones; or those that the upstream
 * asks for, else all that its metadata lists, else those of the preset. What was granted before is kept, unless the
 * settings say exactly which ones: they and `readOnly` are limits that no upstream can lift, so that the result may lack
 * what a challenge asks for. `offline_access` is added where the provider lists it, unless the settings say which scopes:
 * some providers list it for everybody and give it to few. It is left out where the provider does not list it.
 *
 * @throws ProviderFailure `invalid_scope` when only reading is wanted, and nobody knows which scopes that is
 */
export function scopesFor(options: ScopesOptions): string[] {
  const { oauth, provider, granted } = options;
  const wanted = oauth.scopes ?? (oauth.readOnly ? readOnlyScopes(options) : [...granted, ...namedScopes(options)]);
  const scopes = new Set(wanted);
  const listed = provider.server.scopes_supported;
  if (listed?.includes(OFFLINE)) {
    if (oauth.scopes === null) scopes.add(OFFLINE);
  }
  // Without a list nobody knows: what the settings say counts then.
  else if (listed !== undefined || oauth.scopes === null) scopes.delete(OFFLINE);
  return [...scopes];
}

function namedScopes({ preset, provider, challenge }: ScopesOptions): readonly string[] {
  const asked = challenge !== null && challenge.scopes.length > 0 ? challenge.scopes : provider.scopes.challenge;
  return asked ?? provider.scopes.supported ?? preset?.scopes ?? [];
}

function readOnlyScopes(options: ScopesOptions): readonly string[] {
  const rule = options.preset?.readOnly;
  if (rule !== undefined && 'exactly' in rule) return rule.exactly;
  const { scopes } = options.provider;
  const named = [...options.granted, ...namedScopes(options), ...(scopes.supported ?? [])];
  const reading = rule === undefined ? [] : named.filter((scope) => rule.matching.test(scope));
  if (reading.length > 0) return reading;
  const detail = 'Which scopes of this upstream only read is not known. Set `scopes` instead of `readOnly`.';
  throw new ProviderFailure('invalid_scope', detail);
}
