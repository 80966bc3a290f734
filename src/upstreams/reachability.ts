import { connect } from 'node:net';
import { AppError } from '../errors/app-error.ts';

/**
 * Whether something accepts connections at this URL: a TCP connection that is closed again at once. It carries no
 * credential of anybody. Rejects with AppError `upstream_unavailable`; the system's error is its cause.
 */
export function checkReachable(upstream: string, url: URL, timeoutMs: number): Promise<void> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(timeoutMs);
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(new AppError('upstream_unavailable', `"${upstream}" cannot be reached.`, { cause }));
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error(`No connection within ${timeoutMs} ms.`)));
  });
}
