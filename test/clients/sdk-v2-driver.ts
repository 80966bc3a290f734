import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from '@modelcontextprotocol/client';
import type { JsonObject } from '../../src/model/json.ts';
import { ANSWERS, type CallOptions, type Received } from './driver.ts';
import type { LegacyDriver } from './legacy-flows.ts';
import type { Target } from './target.ts';

/** Both eras behind one driver; what one of them lacks rejects in the client. */
export interface SdkV2Driver extends LegacyDriver {
  readonly client: Client;
}

/** Connects the client of `@modelcontextprotocol/client` at the era which `mode` asks for. */
export async function connectSdkV2(
  { url, headers }: Pick<Target, 'url' | 'headers'>,
  mode: VersionNegotiationMode,
): Promise<SdkV2Driver> {
  const client = new Client(
    { name: 'sdk-v2', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} }, versionNegotiation: { mode } },
  );
  const received: Received = { logs: [], notifications: [] };
  client.setRequestHandler('sampling/createMessage', () => ANSWERS.sampling);
  client.setRequestHandler('elicitation/create', () => ANSWERS.elicitation);
  client.setRequestHandler('roots/list', () => ({ roots: [...ANSWERS.roots.roots] }));
  client.setNotificationHandler('notifications/message', ({ params }) => void received.logs.push(params.data));
  client.fallbackNotificationHandler = async ({ method }) => void received.notifications.push(method);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));

  const optionsOf = ({ onProgress, signal }: CallOptions) => ({
    ...(signal && { signal }),
    ...(onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) }),
  });
  return {
    client,
    received,
    listTools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    callTool: async (name, args = {}, options = {}) =>
      (await client.callTool({ name, arguments: args as Record<string, unknown> }, optionsOf(options))) as JsonObject,
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
