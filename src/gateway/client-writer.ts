import type { ServerResponse } from 'node:http';

const SSE_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Keeps reverse proxies from holding events back (2026-07-28, "Receiving Messages").
  'x-accel-buffering': 'no',
};

/** Up to this many bytes, copying a body behind its head is cheaper than to write two buffers. */
const SMALL_BYTES = 8 * 1024;

export interface ClientWriter {
  head(status: number, contentType: 'json' | 'sse'): void;
  /** False when the client reads slower than this: wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** Something has gone out that cannot be taken back. */
  committed(): boolean;
  contentType(): 'json' | 'sse';
}

/**
 * Writes one answer. A JSON body is held until its second chunk or its end, so that the usual small one leaves in one
 * write with its length. After the client has gone, writing does nothing.
 */
export function createClientWriter(res: ServerResponse, onDrain: () => void): ClientWriter {
  let status = 200;
  let contentType: 'json' | 'sse' = 'json';
  let held: Buffer | undefined;
  let full = false;
  const drained = (): void => {
    full = false;
    onDrain();
  };
  const send = (chunk: Buffer): boolean => {
    if (res.destroyed) return true;
    const more = res.write(chunk);
    // Once for all the writes that find it full.
    if (!more && !full) {
      full = true;
      res.once('drain', drained);
    }
    return more;
  };
  return {
    head(code, type) {
      status = code;
      contentType = type;
      if (type === 'sse' && !res.destroyed) {
        res.writeHead(code, SSE_HEADERS);
        res.flushHeaders();
      }
    },
    write(chunk) {
      if (contentType === 'sse') return send(chunk);
      if (held === undefined && !res.headersSent) {
        held = chunk;
        return true;
      }
      if (held !== undefined) {
        if (!res.destroyed) res.writeHead(status, { 'content-type': 'application/json' });
        send(held);
        held = undefined;
      }
      return send(chunk);
    },
    end() {
      if (res.destroyed) return;
      if (held !== undefined) {
        res.writeHead(status, { 'content-type': 'application/json', 'content-length': held.length });
        // node:http joins a text with the head. Latin-1 has one character for every byte, so the bytes stay as they are.
        if (held.length <= SMALL_BYTES) res.end(held.toString('latin1'), 'latin1');
        else res.end(held);
      } else res.end();
    },
    committed() {
      return res.headersSent;
    },
    contentType() {
      return contentType;
    },
  };
}
