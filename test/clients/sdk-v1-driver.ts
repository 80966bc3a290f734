import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '../../src/model/json.ts';
import { ANSWERS, type Received } from './driver.ts';
import type { LegacyDriver } from './legacy-flows.ts';

/** Connects the client of `@modelcontextprotocol/sdk` over any transport. */
export async function connectSdkV1(transport: Transport): Promise<LegacyDriver> {
  const client = new Client(
    { name: 'sdk-v1', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {}, roots: {} } },
  );
  const received: Received = { logs: [], notifications: [] };
  client.setRequestHandler(CreateMessageRequestSchema, () => ANSWERS.sampling);
  client.setRequestHandler(ElicitRequestSchema, () => ANSWERS.elicitation);
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [...ANSWERS.roots.roots] }));
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void received.logs.push(params.data));
  client.fallbackNotificationHandler = async ({ method }) => void received.notifications.push(method);
  await client.connect(transport);

  return {
    received,
    async listTools() {
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.listTools(cursor === undefined ? {} : { cursor });
        names.push(...page.tools.map((tool) => tool.name));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return names;
    },
    callTool: async (name, args = {}, { onProgress, signal } = {}) =>
      (await client.callTool({ name, arguments: args }, undefined, {
        ...(signal && { signal }),
        ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
      })) as JsonObject,
    listPrompts: async () => (await client.listPrompts()).prompts.map((prompt) => prompt.name),
    getPrompt: async (name, args) => (await client.getPrompt({ name, arguments: args })) as unknown as JsonObject,
    listResources: async () => (await client.listResources()).resources.map((resource) => resource.uri),
    listResourceTemplates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map((template) => template.uriTemplate),
    readResource: async (uri) => (await client.readResource({ uri })) as unknown as JsonObject,
    completePrompt: async (prompt, argument, value) => {
      const ref = { type: 'ref/prompt' as const, name: prompt };
      return (await client.complete({ ref, argument: { name: argument, value } })).completion.values;
    },
    ping: () => client.ping(),
    setLogLevel: (level) => client.setLoggingLevel(level),
    subscribe: (uri) => client.subscribeResource({ uri }),
    close: () => client.close(),
  };
}
