/** What a scenario of the suite tells the client beside the URL (`src/schemas/context.ts` there). */
export interface ClientContext {
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly private_key_pem?: string;
  readonly idp_client_id?: string;
  readonly idp_id_token?: string;
  readonly idp_issuer?: string;
}

/** As it is sent to the admin API. */
interface Declaration {
  readonly auth: { readonly kind: string; readonly oauth: object };
  /** For the vault. */
  readonly values?: Readonly<Record<string, string>>;
}

/** The id that the suite's server expects of a client that has a metadata document; nobody fetches it. */
const DOCUMENT_CLIENT = 'https://conformance-test.local/client-metadata.json';

/** How the upstream of a scenario is declared, as an administrator would who was told what the context tells. */
export function upstreamAuth(scenario: string, context: ClientContext): Declaration {
  const { client_id: id, client_secret: secret, private_key_pem: key } = context;
  switch (scenario) {
    case 'auth/client-credentials-jwt':
      return declare('client-credentials', { id, authMethod: 'private_key_jwt' }, { 'client-key': key! });
    case 'auth/client-credentials-basic':
      return declare('client-credentials', { id, authMethod: 'client_secret_basic' }, { 'client-secret': secret! });
    case 'auth/pre-registration':
      return declare('oauth-per-user', { id, authMethod: 'client_secret_basic' }, { 'client-secret': secret! });
    case 'auth/basic-cimd':
      return declare('oauth-per-user', { id: DOCUMENT_CLIENT, authMethod: 'none' });
    default:
      return declare('oauth-per-user', null);
  }
}

/** The suite is on this machine. */
const declare = (kind: string, client: object | null, values?: Record<string, string>): Declaration => ({
  auth: { kind, oauth: { reach: 'loopback', client } },
  ...(values !== undefined && { values }),
});
