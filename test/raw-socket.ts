import { connect, type Socket } from 'node:net';

/** What came back on a connection that somebody wrote to by hand. */
export interface RawAnswer {
  /** Of all answers, in order. */
  readonly statuses: number[];
  readonly text: string;
}

export const dial = (url: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });

/**
 * Writes these bytes as they are, and collects what comes until the server closes, or until `idleMs` passed without a byte
 * after the first answer. Latin-1, so that every byte is one character.
 */
export async function exchangeRaw(url: string, bytes: string | Buffer, idleMs = 250): Promise<RawAnswer> {
  const socket = await dial(url);
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const text = Buffer.concat(chunks).toString('latin1');
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
      resolve({ statuses: statuses.filter((status) => status >= 200), text });
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(done, idleMs);
    };
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      wait();
    });
    socket.on('error', () => {});
    socket.on('close', done);
    socket.write(bytes);
    // Longer than any answer of a gateway on this machine takes.
    timer = setTimeout(done, 5_000);
  });
}
