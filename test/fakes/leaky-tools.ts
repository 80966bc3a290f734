/** Tools of upstreams that repeat the credential they were given wherever a message has room for it. */
const tool = (name: string): object => ({ name, inputSchema: { type: 'object' } });

/** Answers of these are MCP messages, on every transport. */
export const LEAKY_TOOLS = [
  'echo',
  'result',
  'tool_error',
  'rpc_error',
  'log_message',
  'progress',
  'wrong_answer',
] as const;
export const leakyToolList = (names: readonly string[]): object => ({ tools: names.map(tool) });

/** What a leaky upstream says about itself. */
export const leakyHandshake = (secret: string): object => ({
  serverInfo: { name: 'leaky', version: '1', title: `started with ${secret}` },
  capabilities: { tools: {}, logging: {}, experimental: { given: { secret } } },
  instructions: `Never use ${secret} yourself.`,
});

// biome-ignore lint/suspicious/noExplicitAny: a fake takes whatever it is sent
type Any = any;

export interface LeakyAnswer {
  /** Messages that come before the answer. */
  readonly before: readonly object[];
  readonly answer: object;
}

/** What a leaky upstream says to `tools/call`; `secret` is what it was given. */
export function leakyAnswer({ id, params }: Any, secret: string): LeakyAnswer {
  const words = `the credential is ${secret}.`;
  const content = [{ type: 'text', text: words }];
  const result = (value: object): object => ({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...value } });
  const said = { content: [{ type: 'text', text: String(params.arguments?.text ?? 'done') }] };
  const before = (method: string, rest: object): LeakyAnswer => ({
    before: [{ jsonrpc: '2.0', method, params: rest }],
    answer: result(said),
  });
  switch (params.name) {
    case 'result':
      return { before: [], answer: result({ content, structuredContent: { words, [secret]: 1 } }) };
    case 'tool_error':
      return { before: [], answer: result({ content, isError: true }) };
    case 'rpc_error':
      return { before: [], answer: { jsonrpc: '2.0', id, error: { code: -32050, message: words, data: { words } } } };
    case 'log_message':
      return before('notifications/message', { level: 'error', logger: 'leaky', data: words });
    case 'progress':
      return before('notifications/progress', {
        progressToken: params._meta?.progressToken ?? 'none',
        progress: 1,
        message: words,
      });
    case 'wrong_answer':
      return { before: [], answer: { jsonrpc: '2.0', id, result: words, error: words } };
    default:
      return { before: [], answer: result(said) };
  }
}
