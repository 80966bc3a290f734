import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.ts';

/**
 * The whole body of a POST. Only identity-encoded JSON is read, so no compressed body can grow here. Throws
 * `unsupported_media_type` or `body_too_large`; an aborted request rejects with `bad_request`, which nobody sees.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const { headers } = request;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without a Content-Encoding.');
  }
  if (!isJson(headers['content-type'])) {
    throw new AppError('unsupported_media_type', 'Send the body as Content-Type: application/json.');
  }
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) {
        request.removeAllListeners('data');
        request.resume();
        reject(tooLarge(maxBytes));
      } else if (first === undefined) first = chunk;
      else if (more === undefined) more = [first, chunk];
      else more.push(chunk);
    });
    request.on('end', () => resolve(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more, length)));
    request.on('error', () => reject(new AppError('bad_request', 'The body ended early.')));
  });
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return contentType !== undefined && /^application\/json\s*(;\s*charset=("?)utf-8\2\s*)?$/i.test(contentType);
}

const tooLarge = (maxBytes: number) => new AppError('body_too_large', `The body may have at most ${maxBytes} bytes.`);
