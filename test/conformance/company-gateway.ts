import { type PeopledGateway, startWithPeople } from '../people.ts';
import type { ConformanceTarget } from './client-driver.ts';
import type { ClientContext } from './client-scenarios.ts';

const UPSTREAM = 'mcp';
const PROVIDER = 'corp';

/**
 * A gateway of a company whose identity provider is the suite's. That one has no page to sign in at and publishes no keys,
 * so the ID token that the suite hands out is put where a sign-in would have put it (identity/providers/kept-id-tokens.ts).
 */
export async function startCompanyGateway(
  serverUrl: string,
  { client_id, client_secret, idp_client_id, idp_id_token, idp_issuer }: ClientContext,
): Promise<{ target: ConformanceTarget; upstream: string; close(): Promise<void> }> {
  const kept = { issuer: idp_issuer, clientId: idp_client_id, idToken: idp_id_token };
  const gateway: PeopledGateway<'ann'> = await startWithPeople({
    people: {
      ann: {
        allow: [{ upstream: UPSTREAM }],
        secrets: { _toolgate: { [`idp-token:${PROVIDER}`]: JSON.stringify(kept) } },
      },
    },
    config: {
      oauth: { identityProviders: [{ name: PROVIDER, issuer: idp_issuer, clientId: idp_client_id }] },
      upstreams: [
        {
          name: UPSTREAM,
          url: serverUrl,
          auth: {
            tokenExchange: {
              grant: 'id-jag',
              identityProvider: PROVIDER,
              clientId: client_id,
              clientSecret: client_secret,
              reach: 'loopback',
            },
          },
        },
      ],
    },
  });
  const { url, ownerKey, keys, close } = gateway;
  return { target: { url, ownerKey, person: { name: 'ann', key: keys.ann } }, upstream: UPSTREAM, close };
}
