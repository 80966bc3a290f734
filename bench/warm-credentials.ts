/** Verifies access tokens and access keys that are in memory, in a process of its own, with nothing around the verifier. */
import { randomBytes } from 'node:crypto';
import { newId } from '../src/lib/ids.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertServiceAccount } from '../src/store/service-accounts.ts';
import { createAccessTokenVerifier } from '../src/tokens/access-token-verifier.ts';
import { createKey } from '../src/tokens/create-key.ts';
import { createCredentialVerifier } from '../src/tokens/credential-verifier.ts';
import { createDpopVerifier } from '../src/tokens/dpop-proof.ts';
import { createKeyVerifier } from '../src/tokens/key-verifier.ts';
import { openSigningKeys } from '../src/tokens/signing-keys.ts';
import { parseMasterKey } from '../src/vault/master-key.ts';
import { openVault } from '../src/vault/vault.ts';
import { serveCommands } from './harness/commands.ts';
import { signTokens } from './harness/sign-tokens.ts';

const ISSUER = 'https://gateway.example';
const RESOURCE = `${ISSUER}/mcp/echo`;
const CREDENTIALS = 1_000;
const tenantId = DEFAULT_TENANT;

const db = await openDatabase({ file: ':memory:' });
await migrate(db);
const vault = await openVault({ db, masterKey: parseMasterKey(randomBytes(32).toString('base64'), 'the bench') });
const owner = { kind: 'service_account', id: newId('sva') } as const;
await insertServiceAccount(db, { tenantId, id: owner.id, name: 'agent', description: '', createdAt: 1 });
const keys: string[] = [];
while (keys.length < CREDENTIALS) {
  const { secret } = await createKey(db, { tenantId, name: `key-${keys.length}`, owner, expiresAt: null });
  keys.push(secret.reveal());
}
const tokens = await signTokens({ db, vault, role: null, issuer: ISSUER, resource: RESOURCE, count: CREDENTIALS });
const verifier = createCredentialVerifier({
  keys: createKeyVerifier({ db }),
  tokens: createAccessTokenVerifier({
    db,
    own: { issuer: () => ISSUER, signingKeys: await openSigningKeys({ db, vault }) },
    publicUrl: () => ISSUER,
    issuers: [],
    accountOf: async () => null,
    fetch: () => Promise.reject(new Error('Nothing is fetched here.')),
    dpop: createDpopVerifier({ nonceSecret: randomBytes(32) }),
  }),
});
const presented = {
  address: '192.0.2.1',
  dpopScheme: false,
  token: () => ({ resource: RESOURCE, wide: false }),
};

/** CPU microseconds of one verification. */
function verifyAll(credentials: readonly string[], count: number): number {
  const before = process.threadCpuUsage();
  for (let i = 0; i < count; i++) {
    if (verifier.verify(credentials[i % CREDENTIALS]!, presented) instanceof Promise) throw new Error('not in memory');
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / count;
}

const commands = {
  /** The same number of verifications of keys and of tokens in turns: microseconds of CPU for one, round by round. */
  async compare({ rounds, count }: { rounds: number; count: number }): Promise<{ keys: number[]; tokens: number[] }> {
    for (const credential of [...keys, ...tokens]) await verifier.verify(credential, presented);
    verifyAll(keys, count);
    verifyAll(tokens, count);
    const spent = { keys: [] as number[], tokens: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      spent.keys.push(verifyAll(keys, count));
      spent.tokens.push(verifyAll(tokens, count));
    }
    return spent;
  },
};

export type WarmCredentialCommands = typeof commands;

serveCommands(commands);
