import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';

/** An authorization server of somebody else: metadata, keys, introspection; a real HTTP server with real keys. */
export interface TokenIssuer {
  /** Its `iss`: with a path when one was asked for. */
  readonly issuer: string;
  readonly jwksUri: string;
  readonly introspectionEndpoint: string;
  /** What introspection wants as HTTP Basic credentials. */
  readonly client: { readonly id: string; readonly secret: string };
  /** What introspection knows; whatever else it is asked about is not active. */
  readonly opaque: Map<string, Readonly<Record<string, unknown>>>;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** What its token endpoint answers a form with; 404 while there is none. */
  onToken: ((form: URLSearchParams) => Promise<unknown>) | undefined;
  /** Merged into the metadata document. */
  readonly metadata: Record<string, unknown>;
  readonly kid: string;
  readonly publicJwk: JWK;
  /** A token by the newest key: `iss`, `iat` and `exp` (10 minutes) by default. Undefined removes a claim. */
  sign(claims: Readonly<Record<string, unknown>>, header?: Partial<JWTHeaderParameters>): Promise<string>;
  /** A new key signs from now on. `keepOld: false`: the old ones are no longer published. */
  rotate(options?: { keepOld?: boolean; publish?: boolean }): Promise<void>;
  /** Publishes what `rotate` did not. */
  publish(): void;
  /** From now on every request fails with this status, or waits so many milliseconds first; null: neither. */
  misbehave(how: { status?: number; delayMs?: number } | null): void;
  close(): Promise<void>;
}

export interface TokenIssuerOptions {
  /** Of the issuer below its origin, such as `/a`. */
  readonly path?: string;
  readonly algorithm?: string;
  /** Without: keys have no `kid`, in the set and in tokens. */
  readonly kids?: boolean;
}

interface Key {
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
  published: boolean;
}

export async function startTokenIssuer(options: TokenIssuerOptions = {}): Promise<TokenIssuer> {
  const { path = '', algorithm = 'ES256', kids = true } = options;
  const client = { id: 'gate:way', secret: 's%cret +/ü' };
  const opaque = new Map<string, Readonly<Record<string, unknown>>>();
  const requests: string[] = [];
  const metadata: Record<string, unknown> = {};
  const keys: Key[] = [];
  let broken: { status?: number; delayMs?: number } | null = null;

  async function addKey(published: boolean): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    const named = { use: 'sig', alg: algorithm, ...(kids && { kid: `key-${keys.length + 1}` }) };
    keys.push({ privateKey, publicJwk: { ...(await exportJWK(publicKey)), ...named }, published });
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = req.url!.split('?')[0]!;
    requests.push(url);
    if (broken?.delayMs !== undefined) await setTimeout(broken.delayMs, undefined, { ref: false });
    const send = (body: unknown, status = broken?.status ?? 200): void => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (url === `${path}/.well-known/openid-configuration`) {
      return send({ issuer, jwks_uri: jwksUri, introspection_endpoint: introspectionEndpoint, ...metadata });
    }
    if (url === `${path}/jwks`) {
      return send({ keys: keys.filter(({ published }) => published).map(({ publicJwk }) => publicJwk) });
    }
    if (url === `${path}/introspect`) return introspect(req, send);
    if (url === `${path}/token` && tokenIssuer.onToken !== undefined) {
      return send(await tokenIssuer.onToken(await readForm(req)));
    }
    send({ error: 'not_found' }, 404);
  }

  async function introspect(req: IncomingMessage, send: (body: unknown, status?: number) => void): Promise<void> {
    const asked = await readForm(req);
    const form = (text: string): string => new URLSearchParams(`v=${text}`).get('v')!;
    const [, basic = ''] = /^Basic (.+)$/.exec(req.headers.authorization ?? '') ?? [];
    const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(form);
    if (id !== client.id || secret !== client.secret) return send({ error: 'invalid_client' }, 401);
    const known = opaque.get(asked.get('token') ?? '');
    send(known === undefined ? { active: false } : { active: true, ...known });
  }

  const server = createServer((req, res) => void answer(req, res));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const jwksUri = `${issuer}/jwks`;
  const introspectionEndpoint = `${issuer}/introspect`;
  await addKey(true);

  const tokenIssuer: TokenIssuer = {
    issuer,
    jwksUri,
    onToken: undefined,
    introspectionEndpoint,
    client,
    opaque,
    requests,
    metadata,
    get kid() {
      return keys.at(-1)!.publicJwk.kid!;
    },
    get publicJwk() {
      return keys.at(-1)!.publicJwk;
    },
    async sign(claims, header = {}) {
      const { privateKey, publicJwk } = keys.at(-1)!;
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer, iat: now, exp: now + 600, ...claims })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(kids && { kid: publicJwk.kid! }), ...header })
        .sign(privateKey);
    },
    async rotate({ keepOld = true, publish = true } = {}) {
      if (!keepOld) for (const key of keys) key.published = false;
      await addKey(publish);
    },
    publish() {
      keys.at(-1)!.published = true;
    },
    misbehave(how) {
      broken = how;
    },
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
  return tokenIssuer;
}

async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
