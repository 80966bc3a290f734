import { randomBytes } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { OauthError } from './oauth-provider-grants.ts';

/** As it is registered at the provider, in the words of RFC 7591. */
export interface FakeClient {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly redirect_uris?: readonly string[];
  /** By default `client_secret_basic` with a secret, and `none` without. */
  readonly token_endpoint_auth_method?: string;
  readonly jwks?: JSONWebKeySet;
  readonly client_name?: string;
}

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const methodOf = (client: FakeClient): string =>
  client.token_endpoint_auth_method ?? (client.client_secret === undefined ? 'none' : 'client_secret_basic');

/** The clients that a provider knows: given, registered, or described by the document that their id leads to. */
export function createFakeClients({ given, cimd }: { given: readonly FakeClient[]; cimd: boolean }) {
  const clients = new Map(given.map((client) => [client.client_id, client]));
  /** URLs of the documents that were fetched. */
  const documents: string[] = [];

  async function find(id: string): Promise<FakeClient> {
    const known = clients.get(id);
    if (known !== undefined) return known;
    if (!cimd || !/^https?:/.test(id)) throw new OauthError('invalid_client', 'unknown client', 401);
    documents.push(id);
    const document = (await (await fetch(id)).json()) as FakeClient;
    if (document.client_id !== id) throw new OauthError('invalid_client', 'the document names another client', 401);
    return document;
  }

  return {
    documents,
    find,
    /** Forgets all clients that registered themselves, as a provider does after a clean-up. */
    purge(): void {
      for (const id of [...clients.keys()]) if (!given.some(({ client_id }) => client_id === id)) clients.delete(id);
    },
    register(body: Readonly<Record<string, unknown>>, methods: readonly string[]): FakeClient {
      const wanted = (body.token_endpoint_auth_method as string | undefined) ?? 'client_secret_basic';
      const method = methods.includes(wanted) ? wanted : methods[0]!;
      const client = {
        ...body,
        client_id: `client_${randomBytes(8).toString('hex')}`,
        token_endpoint_auth_method: method,
        ...(method.startsWith('client_secret') && { client_secret: randomBytes(16).toString('hex') }),
      };
      clients.set(client.client_id, client);
      return client;
    },
    /** @throws OauthError `invalid_client` */
    async authenticate(authorization: string | undefined, params: URLSearchParams, audiences: readonly string[]) {
      const refuse = (why: string): never => {
        throw new OauthError('invalid_client', why, 401);
      };
      const basic = /^Basic (.+)$/i.exec(authorization ?? '')?.[1];
      const [user, password] =
        basic === undefined ? [] : Buffer.from(basic, 'base64').toString().split(':').map(decode);
      const assertion = params.get('client_assertion');
      const id = user ?? params.get('client_id') ?? (assertion === null ? undefined : decodeJwt(assertion).sub);
      if (!id) return refuse('no client_id');
      const client = await find(id);
      let used = 'none';
      if (basic !== undefined) used = 'client_secret_basic';
      else if (params.has('client_secret')) used = 'client_secret_post';
      else if (assertion !== null) used = 'private_key_jwt';
      const method = methodOf(client);
      // A pre-registered client of many providers may send its secret in either way.
      const either = client.token_endpoint_auth_method === undefined && used.startsWith('client_secret');
      if (used !== method && !(either && client.client_secret !== undefined))
        refuse(`${method} is needed, not ${used}`);
      const secret = password ?? params.get('client_secret');
      if (used.startsWith('client_secret') && secret !== client.client_secret) refuse('wrong secret');
      if (used === 'private_key_jwt') {
        if (params.get('client_assertion_type') !== ASSERTION) refuse('wrong client_assertion_type');
        const keys = createLocalJWKSet(client.jwks!);
        await jwtVerify(assertion!, keys, { audience: [...audiences], issuer: id, subject: id }).catch(() =>
          refuse('the assertion is no good'),
        );
      }
      return client;
    },
  };
}

/** RFC 6749 §2.3.1: both parts are form-encoded first. */
const decode = (part: string): string => decodeURIComponent(part.replaceAll('+', ' '));
