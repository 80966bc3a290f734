import { setTimeout as sleep } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: a fake takes whatever it is sent
type Any = any;

/** Whoever talks to a fake upstream, for the length of one request. */
export interface FakePeer {
  /** A notification that belongs to the request. */
  notify(method: string, params?: object): void;
  /** Asks the client back (legacy revisions). */
  ask(method: string, params?: object): Promise<Any>;
  /** Aborted when the request is cancelled or its stream is closed. */
  readonly signal: AbortSignal;
}

export interface FakeTool {
  readonly definition: Any;
  call(args: Any, peer: FakePeer, request: Any): Promise<Any> | Any;
}

/** What all fake upstreams serve; change the arrays at will while they run. */
export interface FakeBehaviour {
  tools: FakeTool[];
  prompts: Any[];
  resources: Any[];
  resourceTemplates: Any[];
  /** Entries of one page of a list. */
  pageSize: number;
  capabilities: Any;
  instructions: string | undefined;
  /** Methods that are answered with this error instead. */
  readonly errors: Map<string, { code: number; message: string }>;
  /** Lets all calls of the tool `wait` end. */
  release(): void;
  handle(request: Any, peer: FakePeer): Promise<{ result: Any } | { error: Any }>;
}

const object = (properties: object): object => ({ type: 'object', properties });
export const text = (value: string): object => ({ content: [{ type: 'text', text: value }] });

export function createBehaviour(): FakeBehaviour {
  let released = Promise.withResolvers<void>();
  const tools: FakeTool[] = [
    {
      definition: {
        name: 'echo',
        inputSchema: object({ text: { type: 'string' } }),
        annotations: { readOnlyHint: true },
      },
      call: (args) => text(String(args.text ?? '')),
    },
    {
      definition: {
        name: 'late',
        description: 'Echoes after a short random time.',
        inputSchema: object({ text: { type: 'string' } }),
      },
      async call(args) {
        await sleep(Math.random() * 20);
        return text(String(args.text));
      },
    },
    {
      definition: { name: 'progress', inputSchema: object({ steps: { type: 'integer' } }) },
      async call(args, peer, request) {
        const progressToken = request.params?._meta?.progressToken;
        for (let progress = 1; progress <= (args.steps ?? 3) && !peer.signal.aborted; progress++) {
          if (progressToken !== undefined)
            peer.notify('notifications/progress', { progressToken, progress, message: args.text });
          await sleep(2);
        }
        return text(String(args.text ?? 'done'));
      },
    },
    {
      definition: { name: 'wait', description: 'Answers when it is released or cancelled.', inputSchema: object({}) },
      async call(_args, peer) {
        const cancelled = new Promise<void>((resolve) => peer.signal.addEventListener('abort', () => resolve()));
        await Promise.race([released.promise, cancelled]);
        return text(peer.signal.aborted ? 'cancelled' : 'released');
      },
    },
    {
      definition: {
        name: 'ask',
        description: 'Asks the client back.',
        inputSchema: object({ method: { type: 'string' } }),
      },
      async call(args, peer) {
        return text(
          JSON.stringify(await peer.ask(args.method ?? 'sampling/createMessage', { messages: [], maxTokens: 1 })),
        );
      },
    },
    {
      definition: { name: 'delete', inputSchema: object({}), annotations: { destructiveHint: true } },
      call: () => text('deleted'),
    },
  ];

  const behaviour: FakeBehaviour = {
    tools,
    prompts: [{ name: 'greet', arguments: [{ name: 'who' }] }],
    resources: [
      { uri: 'test://one', name: 'one' },
      { uri: 'test://two', name: 'two' },
    ],
    resourceTemplates: [{ uriTemplate: 'test://item/{id}', name: 'item' }],
    pageSize: 50,
    capabilities: {
      tools: { listChanged: true },
      prompts: {},
      resources: { subscribe: true },
      completions: {},
      logging: {},
    },
    instructions: 'Be kind to the fake.',
    errors: new Map(),
    release() {
      released.resolve();
      released = Promise.withResolvers();
    },
    async handle(request, peer) {
      const forced = this.errors.get(request.method);
      if (forced !== undefined) return { error: forced };
      const list = LISTS[request.method as keyof typeof LISTS];
      if (list !== undefined) return { result: page(this, list, request.params?.cursor) };
      const serve = METHODS[request.method];
      if (serve === undefined) return { error: { code: -32601, message: `Method not found: ${request.method}` } };
      return serve(this, request, peer);
    },
  };
  return behaviour;
}

const LISTS = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
} as const;

function page(
  behaviour: FakeBehaviour,
  list: 'tools' | 'prompts' | 'resources' | 'resourceTemplates',
  cursor: string | undefined,
): object {
  const from = cursor === undefined ? 0 : Number(cursor);
  const all = behaviour[list];
  const items = all.slice(from, from + behaviour.pageSize).map((item) => (list === 'tools' ? item.definition : item));
  const next = from + behaviour.pageSize;
  return { [list]: items, ...(next < all.length && { nextCursor: String(next) }) };
}

type Serve = (behaviour: FakeBehaviour, request: Any, peer: FakePeer) => Promise<{ result: Any } | { error: Any }>;
const METHODS: Record<string, Serve> = {
  ping: async () => ({ result: {} }),
  'logging/setLevel': async () => ({ result: {} }),
  'resources/subscribe': async () => ({ result: {} }),
  'resources/unsubscribe': async () => ({ result: {} }),
  'completion/complete': async () => ({ result: { completion: { values: ['one', 'two'] } } }),
  'prompts/get': async (_, { params }) => ({
    result: {
      messages: [{ role: 'user', content: { type: 'text', text: `Hello ${params.arguments?.who ?? 'you'}` } }],
    },
  }),
  async 'resources/read'(behaviour, { params }) {
    const known = behaviour.resources.some(({ uri }) => uri === params.uri) || params.uri.startsWith('test://item/');
    if (!known) return { error: { code: -32002, message: 'Resource not found', data: { uri: params.uri } } };
    return { result: { contents: [{ uri: params.uri, text: `content of ${params.uri}` }] } };
  },
  async 'tools/call'(behaviour, request, peer) {
    const tool = behaviour.tools.find(({ definition }) => definition.name === request.params.name);
    if (tool === undefined) return { error: { code: -32602, message: `Unknown tool: ${request.params.name}` } };
    return { result: await tool.call(request.params.arguments ?? {}, peer, request) };
  },
};
