/** Real clients before an upstream for which their person has connected no account yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitationCompleteNotificationSchema,
  ToolListChangedNotificationSchema,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js';
import { type ConnectGateway, startConnectGateway, wantsAccount } from '../connect-gateway.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';

const URL_MODE = { elicitation: { form: {}, url: {} } };
const INFO = { name: 'a-client', version: '1' };
const ECHO = { name: 'notes__echo', arguments: { text: 'hello' } };

let fake: FakeHttpUpstream;
let on: ConnectGateway<'ann'>;

const textOf = (result: object): string => (result as { content: { text: string }[] }).content[0]!.text;

for (const [era, start] of [
  ['legacy', startLegacyUpstream],
  ['modern', startModernUpstream],
] as const) {
  test(`before an upstream of the ${era} era`, { timeout: 60_000 }, async (t) => {
    fake = await start({ guard: wantsAccount });
    on = await startConnectGateway({ people: { ann: {} }, upstreams: { notes: fake.url } });
    try {
      for (const [name, flow] of Object.entries(FLOWS)) {
        await t.test(name, { timeout: 30_000 }, async () => {
          on.disconnect('ann', 'notes');
          await flow();
        });
      }
    } finally {
      await on.close();
      await fake.close();
    }
  });
}

const target = () => new URL(`${on.url}/mcp`);
const requestInit = () => ({ headers: { authorization: `Bearer ${on.keys.ann}` } });

const FLOWS: Readonly<Record<string, () => Promise<void>>> = {
  async '@modelcontextprotocol/sdk 1.32 understands the error, hears that it is settled, and its retry goes through'() {
    const client = new ClientV1(INFO, { capabilities: URL_MODE });
    const settled = Promise.withResolvers<string>();
    const changed = Promise.withResolvers<void>();
    client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) =>
      settled.resolve(params.elicitationId),
    );
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.resolve());
    await client.connect(new TransportV1(target(), { requestInit: requestInit() }));
    try {
      assert.deepEqual(
        (await client.listTools()).tools.map(({ name }) => name),
        ['notes__connect'],
      );
      const error = await client.callTool(ECHO).then(
        () => assert.fail('it must not go through'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof UrlElicitationRequiredError, String(error));
      const [elicitation] = error.elicitations;
      assert.equal(elicitation!.url, on.linkOf('ann', 'notes'));
      await on.connect('ann', 'notes');
      assert.equal(await settled.promise, elicitation!.elicitationId);
      assert.equal(textOf(await client.callTool(ECHO)), 'hello');
      await changed.promise;
      assert.ok((await client.listTools()).tools.some(({ name }) => name === 'notes__echo'));
    } finally {
      await client.close();
    }
  },

  async '@modelcontextprotocol/sdk 1.32 without URL elicitation shows its model the link'() {
    const client = new ClientV1(INFO, { capabilities: { elicitation: {} } });
    await client.connect(new TransportV1(target(), { requestInit: requestInit() }));
    try {
      const result = await client.callTool({ name: 'notes__connect' });
      assert.equal(result.isError, true);
      assert.ok(textOf(result).includes(on.linkOf('ann', 'notes')));
    } finally {
      await client.close();
    }
  },

  async '@modelcontextprotocol/client 2.4 at 2026-07-28 asks its user and repeats the call by itself'() {
    const client = new ClientV2(INFO, { capabilities: URL_MODE, versionNegotiation: { mode: { pin: '2026-07-28' } } });
    const opened: unknown[] = [];
    client.setRequestHandler('elicitation/create', ({ params }) => {
      opened.push(params);
      // The user is on the page while the client repeats the call at once.
      setTimeout(() => void on.connect('ann', 'notes'), 300);
      return { action: 'accept' };
    });
    await client.connect(new TransportV2(target(), { requestInit: requestInit() }));
    try {
      assert.equal(textOf(await client.callTool(ECHO)), 'hello');
      assert.equal(opened.length, 1, 'asked once');
      const [params] = opened as { mode: string; url: string; elicitationId?: string }[];
      assert.equal(params!.mode, 'url');
      assert.equal(params!.url, on.linkOf('ann', 'notes'));
      assert.equal(params!.elicitationId, undefined);
    } finally {
      await client.close();
    }
  },

  async '@modelcontextprotocol/client 2.4 at 2026-07-28 is told the link when its user declines'() {
    const client = new ClientV2(INFO, { capabilities: URL_MODE, versionNegotiation: { mode: { pin: '2026-07-28' } } });
    let asked = 0;
    client.setRequestHandler('elicitation/create', () => {
      asked++;
      return { action: 'decline' };
    });
    await client.connect(new TransportV2(target(), { requestInit: requestInit() }));
    try {
      const result = await client.callTool(ECHO);
      assert.equal(result.isError, true);
      assert.ok(textOf(result).includes(on.linkOf('ann', 'notes')));
      assert.equal(asked, 1);
    } finally {
      await client.close();
    }
  },

  async '@modelcontextprotocol/client 2.4 with a session gets the error of that era'() {
    const client = new ClientV2(INFO, { capabilities: URL_MODE, versionNegotiation: { mode: 'legacy' } });
    await client.connect(new TransportV2(target(), { requestInit: requestInit() }));
    try {
      await assert.rejects(client.callTool(ECHO), { code: -32042 });
      await on.connect('ann', 'notes');
      assert.equal(textOf(await client.callTool(ECHO)), 'hello');
    } finally {
      await client.close();
    }
  },
};
