import { connect, type Socket } from 'node:net';

/** @param status 0 when the connection broke. @param matched whether the answer contained the id of the request. */
export type OnAnswer = (status: number, matched: boolean) => void;

const HEAD_END = Buffer.from('\r\n\r\n');
const LF = 0x0a;

/**
 * One keep-alive connection with one request at a time, and no more HTTP than the servers of the bench speak: a load
 * generator that costs less than what it measures.
 */
export class ClientSocket {
  /** The head of the last answer. */
  head = '';
  broken = false;
  private readonly socket: Socket;
  private onAnswer: OnAnswer | undefined;
  private onHead: ((status: number) => void) | undefined;
  private id: Buffer | undefined;
  private matched = false;
  private status = 0;
  private pending: Buffer | undefined;
  private inBody = false;
  private chunked = false;
  /** Bytes of the body, or of the current chunk with its line end, that are still to come. */
  private remaining = 0;
  private sizeLine = '';
  private lastChunk = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.read(chunk as Buffer));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.broken = true;
      this.finish(0);
    });
  }

  static open(port: number): Promise<ClientSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new ClientSocket(socket)));
    });
  }

  /** `bytes` must not change until the answer is there. */
  exchange(bytes: Buffer, id: Buffer | undefined, onAnswer: OnAnswer): void {
    this.id = id;
    this.matched = id === undefined;
    this.onAnswer = onAnswer;
    if (this.broken) queueMicrotask(() => this.finish(0));
    else this.socket.write(bytes);
  }

  /** Sends a request whose answer stays open; resolves with its status. What the stream brings is read and dropped. */
  openStream(bytes: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.onHead = resolve;
      this.exchange(bytes, undefined, (status) => resolve(status));
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    let at = 0;
    // Unasked: a server that has waited too long for the next request says 408 and closes.
    if (this.onAnswer === undefined) {
      this.broken = true;
      this.socket.destroy();
      return;
    }
    if (!this.inBody) {
      const whole: Buffer = this.pending === undefined ? chunk : Buffer.concat([this.pending, chunk]);
      const end = whole.indexOf(HEAD_END);
      if (end < 0) {
        this.pending = whole;
        return;
      }
      this.pending = undefined;
      this.startBody(whole.toString('latin1', 0, end + 2));
      chunk = whole;
      at = end + 4;
    }
    if (!this.matched && chunk.includes(this.id!, at)) this.matched = true;
    if (this.chunked) this.readChunks(chunk, at);
    else {
      this.remaining -= chunk.length - at;
      if (this.remaining <= 0) this.finish(this.status);
    }
  }

  private startBody(head: string): void {
    this.head = head;
    this.status = Number(head.slice(9, 12));
    this.inBody = true;
    const length = /\r\ncontent-length: *(\d+)\r/i.exec(head);
    this.chunked = length === null && /\r\ntransfer-encoding: *chunked\r/i.test(head);
    this.remaining = length === null ? 0 : Number(length[1]);
    this.sizeLine = '';
    this.lastChunk = false;
    this.onHead?.(this.status);
    this.onHead = undefined;
  }

  private readChunks(bytes: Buffer, from: number): void {
    let at = from;
    while (at < bytes.length) {
      if (this.remaining > 0) {
        const skipped = Math.min(this.remaining, bytes.length - at);
        this.remaining -= skipped;
        at += skipped;
        if (this.remaining > 0 || !this.lastChunk) continue;
        this.finish(this.status);
        return;
      }
      const end = bytes.indexOf(LF, at);
      this.sizeLine += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
      if (end < 0) return;
      const size = Number.parseInt(this.sizeLine, 16);
      this.sizeLine = '';
      this.lastChunk = size === 0;
      this.remaining = size + 2;
      at = end + 1;
    }
  }

  private finish(status: number): void {
    this.inBody = false;
    const { onAnswer } = this;
    this.onAnswer = undefined;
    onAnswer?.(status, this.matched);
  }
}
