import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.ts';

const MAX_BYTES = 16 * 1024;

/** Lets the routes of this Fastify context read forms, and nothing but forms. */
export function acceptForms(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: MAX_BYTES },
    (_request, body, done) => done(null, new URLSearchParams(body as string)),
  );
}

/** Reads the fields of a form; a field that is missing is empty. */
export function formOf(request: FastifyRequest): (field: string) => string {
  const { body } = request;
  if (!(body instanceof URLSearchParams)) {
    throw new AppError('unsupported_media_type', 'Send the form as `application/x-www-form-urlencoded`.');
  }
  return (field) => {
    const values = body.getAll(field);
    if (values.length > 1) throw new AppError('bad_request', `The form has the field "${field}" more than once.`);
    return values[0] ?? '';
  };
}
