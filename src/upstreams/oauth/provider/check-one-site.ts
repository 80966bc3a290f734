import { isIP } from 'node:net';
import { allowedEndpoint } from './allowed-endpoint.ts';
import type { Provider } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';

/**
 * Whether the place where people agree and the place where their code goes belong together. Metadata can name the
 * authorization endpoint of somebody else: then people agree there, with a client that is known there, and the code is
 * handed to whoever wrote the metadata ("mix-up", RFC 9700 §4.4). Who promises `iss` (RFC 9207) cannot do that, since the
 * answer of the other place lacks it or has another one.
 *
 * Sites are told apart by their names, without a list of the suffixes under which strangers can have names of their own
 * (`github.io`): what is there counts as one site.
 *
 * @throws ProviderFailure `metadata`; an administrator who knows better sets `issuer`
 */
export function checkOneSite({ server, issuer }: Provider): void {
  if (server.authorization_response_iss_parameter_supported === true) return;
  const asks = allowedEndpoint(server.authorization_endpoint ?? '', 'loopback');
  const gives = allowedEndpoint(server.token_endpoint ?? '', 'loopback');
  if (asks === null || gives === null || areRelated(asks, gives)) return;
  const where = `${quoted(asks.host)} would ask people, and ${quoted(gives.host)} get their codes`;
  throw new ProviderFailure('metadata', `${where}. If both belong to the provider, set \`issuer\`: ${quoted(issuer)}.`);
}

function areRelated(a: URL, b: URL): boolean {
  if (isIP(a.hostname.replace(/^\[|\]$/g, '')) !== 0 || a.host === b.host) return a.host === b.host;
  return isBelow(a.hostname, parentOf(b.hostname)) || isBelow(b.hostname, parentOf(a.hostname));
}

const isBelow = (host: string, parent: string): boolean => host === parent || host.endsWith(`.${parent}`);

/** What registries have below a country, in the place of a name that somebody owns. */
const REGISTRY = /^(?:ac|co|com|edu|go|gov|ne|net|or|org)\.[a-z]{2}$/;

function parentOf(host: string): string {
  const parent = host.slice(host.indexOf('.') + 1);
  return parent.includes('.') && !REGISTRY.test(parent) ? parent : host;
}
