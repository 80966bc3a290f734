// A small MCP server: notes in memory, over standard input and output, without any library. Each line is one JSON-RPC
// message. It speaks both eras of the protocol: sessions that begin with `initialize` (up to 2025-11-25), and requests that
// carry their version themselves (2026-07-28). Try it:
//   echo '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' | node examples/notes-server.ts
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

type Json = Record<string, unknown>;
/** What a method may use while it runs. */
interface Call {
  id: string | number;
  signal: AbortSignal;
  /** Tells the client how far the call is; does nothing when the client did not ask for it. */
  progress(done: number, total: number): void;
}

const rpcError = (code: number, message: string, data?: Json) => Object.assign(new Error(message), { code, data });

const MODERN = '2026-07-28';
const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
const SERVER = { name: 'notes', title: 'Notes', version: '1.0.0' };
const CAPABILITIES = { tools: {}, prompts: {}, resources: {} };
const INSTRUCTIONS = 'Notes that last as long as this server runs. List them before you read or delete one.';

const notes = new Map<string, string>([
  ['welcome', 'This note came through the gateway.'],
  ['shopping', 'Bread, coffee, a longer cable.'],
]);

const NO_ARGUMENTS = { type: 'object', additionalProperties: false };
const TITLE = { type: 'string', description: 'Title of the note', minLength: 1, maxLength: 80 };
const TEXT = { type: 'string', description: 'What to keep', minLength: 1, maxLength: 10_000 };
const ONE_TITLE = { type: 'object', properties: { title: TITLE }, required: ['title'], additionalProperties: false };

/** A tool as the protocol describes it, and what it does. What it throws is shown to the model. */
type Tool = Json & { name: string; run(args: Json, call: Call): string | Promise<string> };

const TOOLS: Tool[] = [
  {
    name: 'list_notes',
    title: 'List notes',
    description: 'Titles of all notes.',
    inputSchema: NO_ARGUMENTS,
    annotations: { readOnlyHint: true, openWorldHint: false },
    run: () => [...notes.keys()].join('\n') || 'There are no notes.',
  },
  {
    name: 'read_note',
    title: 'Read a note',
    description: 'The text of one note.',
    inputSchema: ONE_TITLE,
    annotations: { readOnlyHint: true, openWorldHint: false },
    run: ({ title }) => {
      const note = notes.get(text(title));
      if (note === undefined) throw new Error(`There is no note "${title}". list_notes shows which there are.`);
      return note;
    },
  },
  {
    name: 'add_note',
    title: 'Add a note',
    description: 'Keeps a new note. Does not replace one of the same title.',
    inputSchema: {
      type: 'object',
      properties: { title: TITLE, text: TEXT },
      required: ['title', 'text'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    run: (args) => {
      const title = text(args.title);
      if (notes.has(title)) throw new Error(`There is already a note "${title}". Choose another title.`);
      if (notes.size >= 1000) throw new Error('There is no room for more than 1,000 notes. Delete one first.');
      notes.set(title, text(args.text, 10_000));
      return `Added "${title}".`;
    },
  },
  {
    name: 'delete_note',
    title: 'Delete a note',
    description: 'Removes one note for good.',
    inputSchema: ONE_TITLE,
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    run: ({ title }) => (notes.delete(text(title)) ? `Deleted "${title}".` : `There was no note "${title}".`),
  },
  {
    name: 'whoami_upstream',
    title: 'Who calls this server?',
    description: 'Shows, masked, the credential that the gateway gave to this server: never the key of the caller.',
    inputSchema: NO_ARGUMENTS,
    annotations: { readOnlyHint: true, openWorldHint: false },
    run: () => {
      const token = process.env.NOTES_TOKEN;
      return token ? `NOTES_TOKEN is ${token.slice(0, 4)}… (${token.length} characters).` : 'NOTES_TOKEN is not set.';
    },
  },
  {
    name: 'count_slowly',
    title: 'Count slowly',
    description: 'Counts up to a number, ten steps a second, and reports its progress.',
    inputSchema: {
      type: 'object',
      properties: { to: { type: 'integer', description: 'Where to stop', minimum: 1, maximum: 100, default: 10 } },
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
    run: async (args, call) => {
      const to = args.to ?? 10;
      if (typeof to !== 'number' || !Number.isInteger(to) || to < 1 || to > 100) throw new Error('`to` is 1 to 100.');
      for (let i = 1; i <= to; i++) {
        await sleep(100, undefined, { signal: call.signal });
        call.progress(i, to);
      }
      return `Counted to ${to}.`;
    },
  },
];

const PROMPT = {
  name: 'summarize_notes',
  title: 'Summarize my notes',
  description: 'Asks for a summary of all notes.',
  arguments: [{ name: 'tone', description: 'For example: cheerful', required: false }],
};
const RESOURCES = [
  { uri: 'notes://about', name: 'about', title: 'About this server', mimeType: 'text/plain' },
  { uri: 'notes://all', name: 'all', title: 'All notes as one document', mimeType: 'text/markdown' },
];
const TEMPLATE = { uriTemplate: 'notes://note/{title}', name: 'note', title: 'One note', mimeType: 'text/plain' };

function text(value: unknown, maxLength = 80): string {
  if (typeof value === 'string' && value !== '' && value.length <= maxLength) return value;
  throw new Error(`Every argument has to be text of 1 to ${maxLength} characters.`);
}

const allNotes = () => [...notes].map(([title, note]) => `# ${title}\n\n${note}\n`).join('\n');

function readResource(uri: unknown): Json {
  if (uri === 'notes://about') return { uri, mimeType: 'text/plain', text: INSTRUCTIONS };
  if (uri === 'notes://all') return { uri, mimeType: 'text/markdown', text: allNotes() };
  const note = [...notes].find(([title]) => uri === `notes://note/${encodeURIComponent(title)}`);
  if (!note) throw rpcError(-32602, 'There is no such resource.', { uri });
  return { uri, mimeType: 'text/plain', text: note[1] };
}

async function callTool(params: Json, call: Call): Promise<Json> {
  const tool = TOOLS.find(({ name }) => name === params.name);
  if (!tool) throw rpcError(-32602, `Unknown tool: ${params.name}`);
  try {
    const answer = await tool.run((params.arguments ?? {}) as Json, call);
    return { content: [{ type: 'text', text: answer }] };
  } catch (error) {
    // The model reads this and can correct itself; a protocol error would only reach the program around it.
    return { content: [{ type: 'text', text: (error as Error).message }], isError: true };
  }
}

const METHODS: Record<string, (params: Json, call: Call) => Json | Promise<Json>> = {
  'tools/list': () => ({ tools: TOOLS.map(({ run: _, ...definition }) => definition) }),
  'tools/call': callTool,
  'prompts/list': () => ({ prompts: [PROMPT] }),
  'prompts/get': ({ name, arguments: args }) => {
    if (name !== PROMPT.name) throw rpcError(-32602, `Unknown prompt: ${name}`);
    const { tone = 'plain' } = (args ?? {}) as { tone?: string };
    const request = `Summarize these notes in a ${tone} tone:\n\n${allNotes()}`;
    return { description: PROMPT.description, messages: [{ role: 'user', content: { type: 'text', text: request } }] };
  },
  'resources/list': () => ({ resources: RESOURCES }),
  'resources/templates/list': () => ({ resourceTemplates: [TEMPLATE] }),
  'resources/read': ({ uri }) => ({ contents: [readResource(uri)] }),
};

const LEGACY_METHODS: typeof METHODS = {
  ...METHODS,
  initialize: (params) => {
    const protocolVersion = LEGACY.find((version) => version === params.protocolVersion) ?? LEGACY[0];
    return { protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER, instructions: INSTRUCTIONS };
  },
  ping: () => ({}),
};

const MODERN_METHODS: typeof METHODS = {
  ...METHODS,
  'server/discover': () => ({ supportedVersions: [MODERN], capabilities: CAPABILITIES, instructions: INSTRUCTIONS }),
  // The lists never change, so that there is nothing to subscribe to: agree to that, and stay until cancelled.
  'subscriptions/listen': (_params, { id, signal }) => {
    const _meta = { 'io.modelcontextprotocol/subscriptionId': id };
    send({ method: 'notifications/subscriptions/acknowledged', params: { _meta, notifications: {} } });
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve({})));
  },
};

const send = (message: Json) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const running = new Map<unknown, AbortController>();

async function answer(method: string, params: Json, call: Call): Promise<Json> {
  const meta = (params._meta ?? {}) as Json;
  const version = meta['io.modelcontextprotocol/protocolVersion'];
  const modern = version !== undefined || method === 'server/discover';
  if (version !== undefined && version !== MODERN) {
    throw rpcError(-32022, 'Unsupported protocol version', { supported: [MODERN], requested: version });
  }
  if (modern && (version === undefined || !meta['io.modelcontextprotocol/clientCapabilities'])) {
    throw rpcError(-32602, 'The protocol version or the client capabilities are missing in _meta.');
  }
  const methods = modern ? MODERN_METHODS : LEGACY_METHODS;
  if (!Object.hasOwn(methods, method)) throw rpcError(-32601, `Unknown method: ${method}`);
  const result = await methods[method]!(params, call);
  if (!modern) return result;
  // What may be kept for how long: definitions for a minute, contents not at all.
  const cache = { ttlMs: method === 'resources/read' ? 0 : 60_000, cacheScope: 'public' };
  const hints = /\/(discover|list|read)$/.test(method) ? cache : {};
  return { resultType: 'complete', ...result, ...hints, _meta: { 'io.modelcontextprotocol/serverInfo': SERVER } };
}

async function receive(line: string): Promise<void> {
  let message: Json;
  try {
    message = JSON.parse(line);
  } catch {
    return void send({ error: { code: -32700, message: 'This line is not JSON.' } });
  }
  const { id, method } = message ?? {};
  const params = (message?.params ?? {}) as Json;
  if (method === 'notifications/cancelled') return running.get(params.requestId)?.abort();
  if (typeof method === 'string' && id === undefined) return;
  if (typeof method !== 'string' || (typeof id !== 'string' && typeof id !== 'number')) {
    return void send({ error: { code: -32600, message: 'This is not a request.' } });
  }
  const controller = new AbortController();
  running.set(id, controller);
  const progressToken = (params._meta as Json | undefined)?.progressToken;
  const progress = (done: number, total: number) => {
    if (progressToken === undefined) return;
    send({ method: 'notifications/progress', params: { progressToken, progress: done, total } });
  };
  try {
    const result = await answer(method, params, { id, signal: controller.signal, progress });
    if (!controller.signal.aborted) send({ id, result });
  } catch (error) {
    const { code = -32603, message, data } = error as { code?: number; message: string; data?: Json };
    send({ id, error: { code, message, data } });
  } finally {
    running.delete(id);
  }
}

for await (const line of createInterface({ input: process.stdin })) void receive(line);
// The end of the input is how a client says that it is done.
for (const controller of running.values()) controller.abort();
