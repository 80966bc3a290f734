import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.ts';

/**
 * The whole body of a POST. Only identity-encoded JSON is read, so no compressed body can grow here. `reserve` is told of
 * every further bytes that a larger body takes, and throws to refuse it. Throws `unsupported_media_type` or
 * `body_too_large`; an aborted request rejects with `bad_request`, which nobody sees.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  reserve: (bytes: number) => void,
): Promise<Buffer> {
  const { headers } = request;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without a Content-Encoding.');
  }
  if (!isJson(headers['content-type'])) {
    throw new AppError('unsupported_media_type', 'Send the body as Content-Type: application/json.');
  }
  /** Of a chunked body, only that it ends by itself. */
  const announced = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (announced > maxBytes && headers['content-length'] !== undefined) throw tooLarge(maxBytes);
  return new Promise((resolve, reject) => {
    let body: Buffer | undefined;
    let length = 0;
    const refuse = (error: unknown): void => {
      request.removeAllListeners('data');
      request.resume();
      reject(error);
    };
    request.on('data', (chunk: Buffer) => {
      if (length + chunk.length > maxBytes) return refuse(tooLarge(maxBytes));
      if (body === undefined) body = chunk;
      else {
        try {
          body = append(body, length, chunk, { announced, reserve });
        } catch (error) {
          return refuse(error);
        }
      }
      length += chunk.length;
    });
    request.on('end', () => resolve(body?.subarray(0, length) ?? Buffer.alloc(0)));
    request.on('error', () => reject(new AppError('bad_request', 'The body ended early.')));
  });
}

interface Growth {
  /** How long the body will be, as far as that was said. */
  readonly announced: number;
  readonly reserve: (bytes: number) => void;
}

/**
 * The usual body is one chunk and is not copied at all. More are copied into one buffer that doubles, up to what was
 * announced: kept as they come, chunks of one byte would take two hundred times their size.
 */
function append(body: Buffer, length: number, chunk: Buffer, { announced, reserve }: Growth): Buffer {
  const needed = length + chunk.length;
  let room = body;
  if (needed > body.length) {
    const size = Math.max(needed, Math.min(2 * needed, announced));
    reserve(size - body.length);
    room = Buffer.allocUnsafe(size);
    body.copy(room, 0, 0, length);
  }
  chunk.copy(room, length);
  return room;
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return contentType !== undefined && /^application\/json\s*(;\s*charset=("?)utf-8\2\s*)?$/i.test(contentType);
}

const tooLarge = (maxBytes: number) => new AppError('body_too_large', `The body may have at most ${maxBytes} bytes.`);
