/** Digits of the number that makes every request a different one. */
const DIGITS = 10;
const FIRST_NUMBER = 1_000_000_000;
const SLOT = '#'.repeat(DIGITS);

/** One HTTP request as bytes, with the places that differ from call to call. */
export interface RequestTemplate {
  readonly port: number;
  readonly bytes: Buffer;
  /** Offsets of the running number: first the JSON-RPC id, then wherever the arguments have it. None: all are the same. */
  readonly numberSlots: readonly number[];
  readonly keySlot: number;
  /** Access keys to take turns with. One is enough: it stands in `bytes` already. */
  readonly keys?: readonly string[];
}

/** Put where the arguments are to differ from call to call. */
export const DISTINCT: string = SLOT;

const VERSION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

export interface McpCall {
  readonly port: number;
  readonly path: string;
  readonly key: string;
  readonly method: string;
  /** For `Mcp-Name`. */
  readonly name?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** The headers that a client of 2026-07-28 sends with a call. */
export const mcpHeaders = ({ key, method, name }: Pick<McpCall, 'key' | 'method' | 'name'>): [string, string][] => [
  ['accept', 'application/json, text/event-stream'],
  ['content-type', 'application/json'],
  ['authorization', `Bearer ${key}`],
  ['mcp-protocol-version', VERSION],
  ['mcp-method', method],
  ...(name === undefined ? [] : ([['mcp-name', name]] as [string, string][])),
  ['user-agent', 'bench'],
];

export const mcpBody = ({ method, params = {} }: Pick<McpCall, 'method' | 'params'>, id: number): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: META } });

/** A request of 2026-07-28, as a client sends it. */
export function mcpRequest(call: McpCall): RequestTemplate {
  const { port, path, key } = call;
  const body = mcpBody(call, 0).replace('"id":0', `"id":${SLOT}`);
  return httpPost({ port, path, headers: mcpHeaders(call), body, key });
}

export function toolCall(to: Pick<McpCall, 'port' | 'path' | 'key'>, name: string, text: string): RequestTemplate {
  return mcpRequest({ ...to, method: 'tools/call', name, params: { name, arguments: { text } } });
}

interface Post {
  readonly port: number;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly key: string;
}

export function httpPost({ port, path, headers, body, key }: Post): RequestTemplate {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
  const numberSlots: number[] = [];
  for (let at = bytes.indexOf(SLOT); at >= 0; at = bytes.indexOf(SLOT, at + DIGITS)) numberSlots.push(at);
  return { port, bytes, numberSlots, keySlot: bytes.indexOf(key) };
}

let lastNumber = FIRST_NUMBER;

/**
 * Makes the next request in `bytes`, a copy of `template.bytes`. Returns the digits of its id, which the answer has to
 * contain, if it has one.
 */
export function nextRequest(template: RequestTemplate, bytes: Buffer): Buffer | undefined {
  const number = String(++lastNumber);
  for (const slot of template.numberSlots) bytes.write(number, slot, DIGITS, 'latin1');
  const { keys, keySlot } = template;
  if (keys !== undefined) bytes.write(keys[lastNumber % keys.length]!, keySlot, 'latin1');
  const id = template.numberSlots[0];
  return id === undefined ? undefined : bytes.subarray(id, id + DIGITS);
}
