import type { JsonObject } from '../../src/model/json.ts';

export interface CallOptions {
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** The calls that every client offers in one way or another; what the shared flows are written against. */
export interface Driver {
  /** Names of the tools on all pages. */
  listTools(): Promise<string[]>;
  /** Rejects with an error that has a `code` when the answer is a JSON-RPC error. */
  callTool(name: string, args?: JsonObject, options?: CallOptions): Promise<JsonObject>;
  listPrompts(): Promise<string[]>;
  getPrompt(name: string, args: Record<string, string>): Promise<JsonObject>;
  listResources(): Promise<string[]>;
  listResourceTemplates(): Promise<string[]>;
  readResource(uri: string): Promise<JsonObject>;
  completePrompt(prompt: string, argument: string, value: string): Promise<string[]>;
  close(): Promise<void>;
}

/** What a client does when it is asked back, and what it collects of the notifications. */
export interface Received {
  readonly logs: unknown[];
  /** Methods of the other notifications, in order. */
  readonly notifications: string[];
}

/** The answers of every client under test. */
export const ANSWERS = {
  sampling: { role: 'assistant', model: 'test-model', content: { type: 'text', text: 'sampled' } },
  elicitation: {
    action: 'accept',
    content: { username: 'ada', email: 'ada@example.com', name: 'Ada', context: 'spring', ok: true },
  },
  roots: { roots: [{ uri: 'file:///work', name: 'work' }] },
} as const;

/** The text of a tool result with one text. */
export function textOf(result: JsonObject): unknown {
  return (result.content as JsonObject[])[0]?.text;
}

/** The text of the first message of a prompt. */
export function promptTextOf(prompt: JsonObject): unknown {
  const [message] = prompt.messages as JsonObject[];
  return ((message?.content ?? {}) as JsonObject).text;
}

/** Repeats `trigger` until `happened`, for notifications that are lost while a stream is still being opened. */
export async function until(happened: () => boolean, trigger: () => Promise<unknown>): Promise<void> {
  while (!happened()) {
    await trigger();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
