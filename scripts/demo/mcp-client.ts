import { LATEST_MODERN, META_CAPABILITIES, META_CLIENT_INFO, META_VERSION } from '../../src/mcp/revision.ts';

interface Tool {
  readonly name: string;
  readonly annotations?: { readonly destructiveHint?: boolean };
}

/** What came back for one request. */
export interface Answer {
  readonly status: number;
  /** Of the challenge, when the credential was refused. */
  readonly challenge: string | null;
  readonly result?: {
    readonly tools?: readonly Tool[];
    readonly content?: readonly { readonly text: string }[];
  };
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly code: string; readonly requestId: string };
  };
}

/** A client of the stateless revision: every request stands alone, so that a client is an address and a key. */
export interface McpClient {
  readonly key: string;
  listTools(): Promise<readonly Tool[]>;
  call(tool: string, args?: object): Promise<Answer>;
}

export function createMcpClient(endpoint: string, key: string): McpClient {
  async function request(method: string, params: { name?: string; arguments?: object }): Promise<Answer> {
    const _meta = {
      [META_VERSION]: LATEST_MODERN,
      [META_CAPABILITIES]: {},
      [META_CLIENT_INFO]: { name: 'demo', version: '1.0.0' },
    };
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': LATEST_MODERN,
        'mcp-method': method,
        ...(params.name !== undefined && { 'mcp-name': params.name }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
      signal: AbortSignal.timeout(10_000),
    });
    const challenge = response.headers.get('www-authenticate');
    return { status: response.status, challenge, ...messageIn(await response.text()) };
  }

  return {
    key,
    async listTools() {
      const { status, result, error } = await request('tools/list', {});
      if (result?.tools === undefined) throw new Error(`tools/list was answered with ${status}: ${error?.message}`);
      return result.tools;
    },
    call: (name, args = {}) => request('tools/call', { name, arguments: args }),
  };
}

/** The response, which stands alone or as the last event of a stream. */
function messageIn(body: string): Pick<Answer, 'result' | 'error'> {
  const data = body.startsWith('{')
    ? body
    : (body
        .match(/^data: ?(.*)$/gm)
        ?.at(-1)
        ?.replace(/^data: ?/, '') ?? '{}');
  return JSON.parse(data);
}
