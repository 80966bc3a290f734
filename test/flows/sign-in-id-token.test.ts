import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { AppError } from '../../src/errors/app-error.ts';
import { Secret } from '../../src/lib/secret.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { findUserByName } from '../../src/store/users.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import { providerSettings, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const tenantId = DEFAULT_TENANT;
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';

describe('the ID token of a sign-in', () => {
  let site: SignInSite;
  let idp: FakeIdentityProvider;
  let userId: string;
  before(async () => {
    site = await startSignInSite();
    idp = await startIdentityProvider([`${site.url}/sign-in/callback/corp`]);
    site.keepsIdTokensOf.add('corp');
    configure();
    await signIn();
    userId = (await findUserByName(site.db, { tenantId, name: 'ann@corp.example' }))!.id;
  });
  after(async () => {
    await idp.close();
    await site.close();
  });
  beforeEach(() => {
    site.keepsIdTokensOf.add('corp');
    configure();
    idp.intercept = undefined;
  });

  function configure(more: Record<string, unknown> = {}): void {
    const { issuer, clientId, clientSecret } = idp;
    const corp = providerSettings({ name: 'corp', title: 'Corp', issuer, clientId, clientSecret, ...more });
    site.settings = { localAccounts: true, identityProviders: [corp] };
  }

  const signIn = () => site.newBrowser().follow('/sign-in/corp?return_to=/oauth/interaction/x');
  const kept = () => site.signIn.idTokenOf('corp', userId);
  const storedNames = async (): Promise<string[]> => {
    const rows = await site.db.selectFrom('secrets').select('name').where('owner_id', '=', userId).execute();
    return rows.map(({ name }) => name);
  };

  test('is kept for its person when an upstream needs it, and for nobody else', async () => {
    await signIn();
    const claims = decodeJwt((await kept())!.reveal());
    assert.deepEqual([claims.iss, claims.sub, claims.aud], [idp.issuer, 'subject-1', idp.clientId]);
    assert.deepEqual(await storedNames(), ['idp-token:corp']);
    assert.deepEqual(site.idTokensKept.at(-1), ['corp', userId]);
    assert.equal(await site.signIn.idTokenOf('corp', 'usr_somebodyelse'), null);
    assert.equal(await site.signIn.idTokenOf('other', userId), null);
  });

  test('is not kept when no upstream needs it, and one that was kept goes at the next sign-in', async () => {
    await signIn();
    site.keepsIdTokensOf.clear();
    await signIn();
    assert.deepEqual(await storedNames(), []);
    assert.equal(await kept(), null);
  });

  test('is not given to what the provider of that name is by now', async () => {
    await signIn();
    configure({ clientId: 'another-client' });
    assert.equal(await kept(), null, 'it was issued for another client');
    configure({ issuer: 'https://idp.example.org' });
    assert.equal(await kept(), null, 'it was issued by another provider');
  });

  test('is over when it says so', async () => {
    await signIn();
    const { exp, iat } = decodeJwt((await kept())!.reveal());
    site.later((exp! - iat! + 1) * 1000);
    assert.equal(await kept(), null);
    site.later(-(exp! - iat! + 1) * 1000);
    assert.notEqual(await kept(), null);
  });

  /** Answers the token endpoint of the provider from now on, and keeps what was sent there. */
  function answerExchange(status: number, answer: Record<string, unknown>) {
    const sent: { params: URLSearchParams; authorization: string | undefined }[] = [];
    const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk;
      });
      await once(request, 'end');
      sent.push({ params: new URLSearchParams(body), authorization: request.headers.authorization });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    };
    idp.intercept = (request, response) => {
      if (request.method !== 'POST') return false;
      void respond(request, response);
      return true;
    };
    return sent;
  }

  const request = () =>
    site.signIn.idJag('corp', {
      idToken: new Secret('the-id-token'),
      audience: 'https://as.example.com',
      resource: 'https://mcp.example.com/mcp',
      scopes: ['read', 'write'],
    });

  test('is exchanged for an assertion for another authorization server, by the client of the gateway', async () => {
    const sent = answerExchange(200, { access_token: 'the-assertion', issued_token_type: ID_JAG, token_type: 'N_A' });
    assert.equal((await request())?.reveal(), 'the-assertion');
    const [{ params, authorization }] = sent as [(typeof sent)[0]];
    assert.match(authorization ?? '', /^Basic /);
    assert.deepEqual(Object.fromEntries(params), {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: ID_JAG,
      audience: 'https://as.example.com',
      resource: 'https://mcp.example.com/mcp',
      scope: 'read write',
      subject_token: 'the-id-token',
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    });
  });

  test('that the provider does not take any more brings no assertion, and any other refusal is an error', async () => {
    answerExchange(400, { error: 'invalid_grant' });
    assert.equal(await request(), null);
    answerExchange(400, { error: 'invalid_target' });
    await assert.rejects(request(), (error) => error instanceof AppError && error.code === 'identity_provider_failed');
  });

  test('is never turned into an access token that would go to somebody else', async () => {
    const issued = 'urn:ietf:params:oauth:token-type:access_token';
    answerExchange(200, { access_token: 'a-token-for-the-company', issued_token_type: issued, token_type: 'Bearer' });
    await assert.rejects(request(), (error) => error instanceof AppError && error.code === 'identity_provider_failed');
  });
});
