import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway, type TestGatewayOptions } from '../harness.ts';
import { modernClient, type Reply } from '../mcp-client.ts';
import { CLIENT_ID, CLIENT_SECRET } from './acme-realm.ts';

/** What groups of the company may do. */
export const RULES = [
  { claim: 'groups', equals: 'readers', roles: ['reader'] },
  { claim: 'groups', equals: 'writers', roles: ['reader', 'writer'] },
  { claim: 'realm_access.roles', equals: 'auditor', groups: ['auditors'] },
];

/** The gateway of the company: two tools, one for readers and one for writers. */
export interface AcmeGateway extends TestGateway {
  call(token: string, tool: 'echo' | 'late'): Promise<Reply>;
  /** The names of the tools that a token sees. */
  tools(token: string): Promise<string[]>;
}

export async function startAcmeGateway(
  issuer: string,
  oauth: object = {},
  options: Pick<TestGatewayOptions, 'dataDir'> = {},
): Promise<AcmeGateway> {
  const upstream: FakeHttpUpstream = await startModernUpstream();
  const gateway = await startToolgate({
    ...options,
    config: {
      upstreams: [{ name: 'fake', url: upstream.url }],
      roles: [
        { name: 'reader', allow: [{ upstream: 'fake', tools: ['echo'] }] },
        { name: 'writer', allow: [{ upstream: 'fake', tools: ['late'] }] },
      ],
      oauth: { identityProviders: [acmeProvider(issuer)], ...oauth },
    },
    env: { KEYCLOAK_SECRET: CLIENT_SECRET },
  });
  const clientOf = (token: string) => modernClient(`${gateway.url}/mcp`, token);
  return {
    ...gateway,
    call: (token, tool) => clientOf(token).request('tools/call', { name: `fake__${tool}`, arguments: { text: 'hi' } }),
    async tools(token) {
      const { message } = await clientOf(token).request('tools/list');
      return message.result.tools.map(({ name }: { name: string }) => name);
    },
    async close() {
      await gateway.close();
      await upstream.close();
    },
  };
}

export const acmeProvider = (issuer: string) => ({
  name: 'keycloak',
  title: 'Acme',
  preset: 'keycloak',
  issuer,
  clientId: CLIENT_ID,
  clientSecret: '${env:KEYCLOAK_SECRET}',
  domains: ['acme.example'],
  rules: RULES,
});
