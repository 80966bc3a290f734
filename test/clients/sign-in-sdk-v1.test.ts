/** `@modelcontextprotocol/sdk` 1.32: registration, sign-in and refresh without knowing anything but the URL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { startDocumentSite } from './document-site.ts';
import { startSignedInTarget } from './signed-in-target.ts';

const REDIRECT = 'http://localhost:45998/callback';

/** What a desktop client keeps, in memory. */
function memoryProvider(documentUrl?: string) {
  // biome-ignore lint/suspicious/noExplicitAny: it gives back what the SDK gave it
  const kept: Record<string, any> = {};
  const authProvider = {
    ...(documentUrl !== undefined && { clientMetadataUrl: documentUrl }),
    redirectUrl: REDIRECT,
    clientMetadata: { client_name: 'SDK v1', redirect_uris: [REDIRECT] },
    clientInformation: () => kept.client,
    saveClientInformation: (client: unknown) => {
      kept.client = client;
    },
    tokens: () => kept.tokens,
    saveTokens: (tokens: unknown) => {
      kept.tokens = tokens;
    },
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: (verifier: string) => {
      kept.verifier = verifier;
    },
    redirectToAuthorization: (url: URL) => {
      kept.asked = url;
    },
  };
  return { kept, authProvider };
}

test('the SDK registers, signs a person in, calls, and refreshes by itself', async () => {
  const target = await startSignedInTarget('legacy');
  const { kept, authProvider } = memoryProvider();
  const newTransport = () => new StreamableHTTPClientTransport(target.url, { authProvider });
  const newClient = () => new Client({ name: 'sdk-v1', version: '1' });
  try {
    const first = newTransport();
    await assert.rejects(newClient().connect(first), UnauthorizedError);
    const answer = await target.allow(kept.asked);
    await first.finishAuth(answer.searchParams.get('code')!);
    assert.ok(kept.tokens.refresh_token, 'also to a client that does not ask for offline_access');
    const client = newClient();
    await client.connect(newTransport());
    assert.ok((await client.listTools()).tools.length > 0);
    kept.tokens = { ...kept.tokens, access_token: 'expired' };
    assert.ok((await client.listTools()).tools.length > 0);
    await client.close();
  } finally {
    await target.close();
  }
});

test('the SDK names itself by its metadata document, and registers nowhere', async () => {
  const site = await startDocumentSite({ client_name: 'Documented', redirect_uris: [REDIRECT] });
  const target = await startSignedInTarget('legacy');
  const { kept, authProvider } = memoryProvider(site.url);
  const newTransport = () => new StreamableHTTPClientTransport(target.url, { authProvider });
  try {
    const first = newTransport();
    await assert.rejects(new Client({ name: 'sdk-v1', version: '1' }).connect(first), UnauthorizedError);
    assert.equal(kept.asked.searchParams.get('client_id'), site.url);
    await first.finishAuth((await target.allow(kept.asked)).searchParams.get('code')!);
    const client = new Client({ name: 'sdk-v1', version: '1' });
    await client.connect(newTransport());
    assert.ok((await client.listTools()).tools.length > 0);
    await client.close();
  } finally {
    await target.close();
    await site.close();
  }
});
