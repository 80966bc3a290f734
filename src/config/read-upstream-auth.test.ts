import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadConfig } from './load-config.ts';
import { vaultReferencesOf } from './vault-references.ts';

let cwd: string;
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'toolgate-auth-'));
});
after(() => rm(cwd, { recursive: true }));

const ENV = { SECRET: 'canary' };
const entry = (auth: string, rest = '') =>
  `upstreams: [{ name: a, url: 'https://a.example/mcp', auth: ${auth}${rest} }]`;
async function load(yaml: string) {
  await writeFile(join(cwd, 'toolgate.yaml'), yaml);
  return loadConfig({ cwd, env: ENV });
}
const authOf = async (auth: string) => (await load(entry(auth))).config.upstreams[0]!.auth;

const DEFAULTS = {
  preset: null,
  issuer: null,
  client: null,
  scopes: null,
  readOnly: false,
  sendResource: null,
  reach: 'public',
  exchange: null,
};

test('accounts of people are their own unless they are said to be shared, and everything else may be left out', async () => {
  assert.deepEqual(await authOf('{ oauth: {} }'), { kind: 'oauth-per-user', oauth: DEFAULTS });
  assert.deepEqual(await authOf('{ oauth: { owner: shared, preset: slack, readOnly: true } }'), {
    kind: 'oauth-shared',
    oauth: { ...DEFAULTS, preset: 'slack', readOnly: true },
  });
  const full = `{ oauth: { preset: github, issuer: 'https://github.com/login/oauth', clientId: Iv1, clientSecret: '\${env:SECRET}',
    authMethod: client_secret_post, scopes: [repo, 'read:org'], sendResource: false, reach: internal } }`;
  assert.deepEqual(await authOf(full), {
    kind: 'oauth-per-user',
    oauth: {
      ...DEFAULTS,
      preset: 'github',
      issuer: 'https://github.com/login/oauth',
      client: { id: 'Iv1', authMethod: 'client_secret_post' },
      scopes: ['repo', 'read:org'],
      sendResource: false,
      reach: 'internal',
    },
  });
});

test('how a client proves itself follows from what it is given', async () => {
  const methodOf = async (auth: string) => {
    const read = await authOf(auth);
    return 'oauth' in read && read.oauth.client?.authMethod;
  };
  assert.equal(await methodOf('{ oauth: { clientId: a } }'), 'none');
  assert.equal(await methodOf("{ oauth: { clientId: a, clientSecret: '${env:SECRET}' } }"), 'client_secret_basic');
  assert.equal(await methodOf("{ oauth: { clientId: a, clientKey: '${vault:key}' } }"), 'private_key_jwt');
  assert.equal(await methodOf('{ oauth: { clientId: a, authMethod: client_secret_post } }'), 'client_secret_post');
  assert.equal(await methodOf('{ clientCredentials: { clientId: a } }'), 'client_secret_basic');
  assert.equal(await methodOf("{ clientCredentials: { clientId: a, clientKey: '${vault:key}' } }"), 'private_key_jwt');
  assert.equal(await methodOf('{ tokenExchange: { clientId: a } }'), 'none');
});

test('an exchange is vouched for by the gateway, or by an identity provider that is configured', async () => {
  assert.deepEqual(await authOf('{ tokenExchange: { clientId: a, audience: api } }'), {
    kind: 'token-exchange',
    oauth: {
      ...DEFAULTS,
      client: { id: 'a', authMethod: 'none' },
      exchange: { grant: 'token-exchange', subject: 'gateway', provider: null, audience: 'api' },
    },
  });
  const idps = "oauth: { identityProviders: [{ name: acme, issuer: 'https://id.example', clientId: x }] }\n";
  const { config } = await load(
    `${idps}${entry('{ tokenExchange: { clientId: a, grant: id-jag, identityProvider: acme } }')}`,
  );
  const { auth } = config.upstreams[0]!;
  assert.deepEqual('oauth' in auth && auth.oauth.exchange, {
    grant: 'id-jag',
    subject: 'identity-provider',
    provider: 'acme',
    audience: null,
  });
  await assert.rejects(
    load(`${idps}${entry('{ tokenExchange: { clientId: a, identityProvider: acne } }')}`),
    /upstreams\[0\]\.auth\.tokenExchange\.identityProvider\n.*Did you mean `acme`\?/,
  );
});

test('secrets are kept apart from the settings, as templates, and what they refer to is known', async () => {
  const { config, warnings } = await load(
    entry(
      "{ oauth: { preset: github, clientId: a, clientSecret: '${vault:github_secret}' } }",
      ', identityHeader: X-Caller',
    ),
  );
  assert.deepEqual(warnings, []);
  assert.doesNotMatch(JSON.stringify(config), /github_secret/);
  assert.equal(config.upstreamSecrets.get('a')?.get('client-secret')?.reveal(), '${vault:github_secret}');
  assert.deepEqual(vaultReferencesOf(config), [{ upstream: 'a', name: 'github_secret' }]);
});

test('a secret that stands in the file is warned about, and so is metadata that is out of reach', async () => {
  const { warnings } = await load(
    `upstreams:
  - { name: a, url: 'https://a.example', auth: { oauth: { clientId: a, clientSecret: canary } } }
  - { name: b, url: 'http://127.0.0.1:3000/mcp', auth: { oauth: {} } }
  - { name: c, url: 'http://127.0.0.1:3000/mcp', auth: { oauth: { reach: loopback } } }
  - { name: d, url: 'http://d.example/mcp', auth: { oauth: {} } }
  - { name: e, url: 'http://e.example/mcp', identityHeader: X-Caller }`,
  );
  assert.deepEqual(
    warnings.map(({ setting }) => setting),
    [
      'upstreams[0].auth',
      'upstreams[0].auth.oauth.clientSecret',
      'upstreams[1].auth',
      'upstreams[3].url',
      'upstreams[4].url',
    ],
  );
  assert.doesNotMatch(JSON.stringify(warnings), /canary/);
});

const REFUSED: readonly [yaml: string, expected: RegExp][] = [
  [entry('{ oauth: { preset: githbu } }'), /Did you mean `github`\?/],
  [entry('{ oauth: { owner: everybody } }'), /not one of `user`, `shared`/],
  [entry('{ oauth: { scope: [repo] } }'), /Did you mean `scopes`\?/],
  [entry("{ oauth: { scopes: ['repo user'] } }"), /not one scope\. Write each scope as an entry/],
  [entry('{ oauth: { scopes: [] } }'), /empty/],
  [entry('{ oauth: { readOnly: true } }'), /Add the `preset`/],
  [entry('{ oauth: { preset: slack, readOnly: true, scopes: [a] } }'), /`scopes` already says which/],
  [entry("{ oauth: { issuer: 'http://as.example' } }"), /Use https/],
  [entry("{ oauth: { issuer: 'http://localhost:9000' } }"), /Add `reach: loopback`/],
  [entry("{ oauth: { clientSecret: '${env:SECRET}' } }"), /there is no `clientId`/],
  [entry('{ oauth: { authMethod: none } }'), /there is no `clientId`/],
  [entry("{ oauth: { clientId: a, clientSecret: '${env:SECRET}', clientKey: '${env:SECRET}' } }"), /keep one/],
  [
    entry("{ oauth: { clientId: a, clientSecret: '${env:SECRET}', authMethod: none } }"),
    /does not use the `clientSecret`/,
  ],
  [
    entry("{ oauth: { clientId: a, clientKey: '${env:SECRET}', authMethod: client_secret_basic } }"),
    /does not use the `clientKey`/,
  ],
  [entry("{ oauth: { clientId: a, clientSecret: '${env:NOT_THERE}' } }"), /clientSecret\n.*NOT_THERE is not set/],
  [entry("{ oauth: { clientId: a, clientKey: 'canary ${KEY}' } }"), /neither \$\{env:NAME\} nor/],
  [entry('{ oauth: {}, headers: { A: b } }'), /Both `headers` and `oauth` are set/],
  [
    entry('{ oauth: {}, headersPerUser: [A], tokenExchange: { clientId: a } }'),
    /`headersPerUser` and `oauth` and `tokenExchange` are set/,
  ],
  [entry('{ clientCredentials: {} }'), /`clientId` is missing.*Register a client.*and write its id here/s],
  [entry('{ tokenExchange: {} }'), /`clientId` is missing.*Register a client.*and write its id here/s],
  [entry('{ clientCredentials: { clientId: a, authMethod: none } }'), /has to prove itself/],
  [entry('{ clientCredentials: { clientId: a, readOnly: true } }'), /`readOnly` is not a known key/],
  [entry('{ tokenExchange: { clientId: a, identityProvider: acme } }'), /no such entry in `oauth\.identityProviders`/],
  [`oauth: { enabled: false }\n${entry('{ oauth: {} }')}`, /nobody can connect an account/],
  [`oauth: { enabled: false }\n${entry('{ tokenExchange: { clientId: a } }')}`, /no key to sign who calls/],
  [
    `oauth: { enabled: false }\n${entry('none', ', identityHeader: X-Caller')}`,
    /identityHeader\n.*no key to sign who calls/,
  ],
  [entry('none', ', identityHeader: Authorization'), /not for statements of who calls/],
  [entry('none', ', identityHeader: Host'), /sets this header itself/],
  [
    entry('{ headersPerUser: [X-Caller] }', ', identityHeader: x-caller'),
    /credential under `auth` travels in this header/,
  ],
  [entry('none', ', identityHeader: X-Caller, forwardHeaders: [x-caller]'), /itself, as `identityHeader`/],
  [entry('none', ', identityHeader: X-Caller, transport: sse'), /no header for each call/],
];
for (const [yaml, expected] of REFUSED) {
  test(`${yaml.replace(/^.*mcp', /s, '').slice(0, 90)} is refused, and what to do is said`, async () => {
    await assert.rejects(load(yaml), (error: Error) => {
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /canary/);
      return true;
    });
  });
}
