// biome-ignore lint/suspicious/noExplicitAny: Keycloak answers in many shapes
type Any = any;

/** What an administrator of the company does in Keycloak while the tests run. */
export interface KeycloakAdmin {
  createRealm(realm: object): Promise<void>;
  addClientScope(scope: object): Promise<void>;
  addClient(client: object): Promise<void>;
  /** Moves somebody to exactly these groups. */
  setGroups(username: string, groups: readonly string[]): Promise<void>;
  setEnabled(username: string, enabled: boolean): Promise<void>;
  /** How many sessions somebody has there. */
  sessions(username: string): Promise<number>;
  /** And how many of them one client has a part in. */
  sessionsWith(username: string, clientId: string): Promise<number>;
  /** How many that outlive them one client has (`offline_access`). */
  offlineSessions(username: string, clientId: string): Promise<number>;
  /** "Sign out" among somebody's sessions. */
  endSessions(username: string): Promise<void>;
  /** "Revoke access" among somebody's consents. */
  endConsent(username: string, clientId: string): Promise<void>;
  /** Lets whoever is at this host register clients, with redirect URIs there. */
  trustHost(host: string): Promise<void>;
  /** Lets every client ask for a scope that was added. */
  offerScope(name: string): Promise<void>;
  /** Trusts what an issuer signs, and lets one client exchange it (`token-exchange`, `admin-fine-grained-authz:v1`). */
  trustIssuer(issuer: { alias: string; issuer: string; jwksUrl: string }, clientId: string): Promise<void>;
  /** What a trusted issuer calls somebody. */
  linkUser(username: string, alias: string, subject: string): Promise<void>;
  clients(): Promise<{ readonly clientId: string; readonly name?: string }[]>;
  /** What happened, newest first, where the realm keeps it. */
  events(type: string): Promise<{ readonly userId?: string; readonly error?: string; readonly time: number }[]>;
  /** Signs with a new RSA key from now on; the old one stays published. Returns the new `kid`. */
  rotateKeys(): Promise<string>;
}

export function keycloakAdmin(url: string, realm: string): KeycloakAdmin {
  async function token(): Promise<string> {
    const fields = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' };
    const body = new URLSearchParams(fields);
    const answer = await fetch(`${url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body });
    const { access_token: accessToken } = (await answer.json()) as { access_token: string };
    return accessToken;
  }

  /** Below `/admin/realms`. */
  async function send(method: string, path: string, body?: unknown): Promise<Any> {
    const answer = await fetch(`${url}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Keycloak answers ${answer.status} to ${method} ${path}: ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  async function userPath(username: string): Promise<string> {
    const [user] = await send('GET', `/${realm}/users?exact=true&username=${encodeURIComponent(username)}`);
    return `/${realm}/users/${user.id}`;
  }

  async function clientUuid(clientId: string): Promise<string> {
    const [client] = await send('GET', `/${realm}/clients?clientId=${encodeURIComponent(clientId)}`);
    return client.id;
  }

  const activeKey = async (): Promise<string> => (await send('GET', `/${realm}/keys`)).active.RS256;

  return {
    createRealm: (representation) => send('POST', '', representation),
    addClientScope: (scope) => send('POST', `/${realm}/client-scopes`, scope),
    addClient: (client) => send('POST', `/${realm}/clients`, client),
    async setGroups(username, groups) {
      const path = await userPath(username);
      const all = (await send('GET', `/${realm}/groups`)) as { id: string; name: string }[];
      for (const { id, name } of all) await send(groups.includes(name) ? 'PUT' : 'DELETE', `${path}/groups/${id}`);
    },
    setEnabled: async (username, enabled) => send('PUT', await userPath(username), { enabled }),
    sessions: async (username) => (await send('GET', `${await userPath(username)}/sessions`)).length,
    async sessionsWith(username, clientId) {
      const sessions = await send('GET', `${await userPath(username)}/sessions`);
      return sessions.filter(({ clients }: Any) => Object.values(clients).includes(clientId)).length;
    },
    offlineSessions: async (username, clientId) =>
      (await send('GET', `${await userPath(username)}/offline-sessions/${await clientUuid(clientId)}`)).length,
    endSessions: async (username) => send('POST', `${await userPath(username)}/logout`),
    endConsent: async (username, clientId) =>
      send('DELETE', `${await userPath(username)}/consents/${encodeURIComponent(clientId)}`),
    async trustHost(host) {
      const type = 'org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy';
      const policies = await send('GET', `/${realm}/components?type=${type}`);
      const policy = policies.find(({ providerId }: Any) => providerId === 'trusted-hosts');
      const config = { ...policy.config, 'trusted-hosts': [host] };
      await send('PUT', `/${realm}/components/${policy.id}`, { ...policy, config });
    },
    async offerScope(name) {
      const scopes = await send('GET', `/${realm}/client-scopes`);
      const { id } = scopes.find((scope: Any) => scope.name === name);
      await send('PUT', `/${realm}/default-optional-client-scopes/${id}`);
    },
    async trustIssuer({ alias, issuer, jwksUrl }, clientId) {
      const unused = { authorizationUrl: issuer, tokenUrl: issuer, clientId: 'unused', clientSecret: 'unused' };
      const config = { ...unused, issuer, jwksUrl, useJwksUrl: 'true', validateSignature: 'true' };
      const instances = `/${realm}/identity-provider/instances`;
      await send('POST', instances, { alias, providerId: 'oidc', enabled: true, config });
      const permissions = await send('PUT', `${instances}/${alias}/management/permissions`, { enabled: true });
      const authz = `/${realm}/clients/${await clientUuid('realm-management')}/authz/resource-server`;
      const policy = { name: `only ${clientId}`, clients: [await clientUuid(clientId)] };
      const { id } = await send('POST', `${authz}/policy/client`, policy);
      const path = `${authz}/permission/scope/${permissions.scopePermissions['token-exchange']}`;
      await send('PUT', path, { ...(await send('GET', path)), policies: [id] });
    },
    linkUser: async (username, alias, subject) =>
      send('POST', `${await userPath(username)}/federated-identity/${alias}`, { userId: subject, userName: username }),
    clients: () => send('GET', `/${realm}/clients`),
    events: (type) => send('GET', `/${realm}/events?max=1000&type=${type}`),
    async rotateKeys() {
      const { id } = await send('GET', `/${realm}`);
      await send('POST', `/${realm}/components`, {
        name: 'next',
        providerId: 'rsa-generated',
        providerType: 'org.keycloak.keys.KeyProvider',
        parentId: id,
        config: { priority: ['500'], enabled: ['true'], active: ['true'], algorithm: ['RS256'], keySize: ['2048'] },
      });
      return activeKey();
    },
  };
}
