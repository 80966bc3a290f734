import type { Preset } from './preset.ts';

/** Puts the places of a provider into a URL of its preset; what else stands in braces stays. */
export function expandPreset(template: string, preset: Preset, issuer: string): string {
  const { origin } = new URL(issuer);
  const api = issuer === preset.issuer ? preset.api?.hosted : preset.api?.own;
  return template
    .replace('{api}', api ?? '{origin}')
    .replace('{issuer}', issuer)
    .replace('{origin}', origin);
}
