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
