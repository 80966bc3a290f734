import type { IncomingMessage } from 'node:http';

/** What is known about a request beside what it carries. */
export interface RequestFacts {
  readonly requestId: string;
  readonly address: string;
  /** A user code that stood in the URL of the device page. */
  readonly userCode?: string | undefined;
}

const facts = new WeakMap<IncomingMessage, RequestFacts>();

/** Notes the facts of a request before the library gets it, which passes on the request itself. */
export function noteFacts(request: IncomingMessage, noted: RequestFacts): void {
  facts.set(request, noted);
}

export function factsOf(request: IncomingMessage): RequestFacts {
  return facts.get(request) ?? { requestId: '', address: '' };
}
