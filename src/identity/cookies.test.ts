import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FastifyReply } from 'fastify';
import { createCookie } from './cookies.ts';

const VALUE = 'v'.repeat(43);

function written(
  secure: boolean,
  write: (cookie: ReturnType<typeof createCookie>, reply: FastifyReply) => void,
): string {
  let line = '';
  const reply = { header: (_name: string, value: string) => (line = value) } as unknown as FastifyReply;
  write(createCookie('session', secure), reply);
  return line;
}

test('over https the cookie is for this very host, and out of reach of scripts and other sites', () => {
  assert.equal(
    written(true, (cookie, reply) => cookie.set(reply, VALUE)),
    `__Host-toolgate_session=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure`,
  );
  assert.equal(
    written(false, (cookie, reply) => cookie.set(reply, VALUE, 60)),
    `toolgate_session=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60`,
  );
  assert.match(
    written(true, (cookie, reply) => cookie.clear(reply)),
    /^__Host-toolgate_session=; .*Max-Age=0$/,
  );
});

test('exactly one value of the right form is read', () => {
  const cookie = createCookie('session', true);
  const read = (header: string | undefined): string | null =>
    cookie.read({ headers: header === undefined ? {} : { cookie: header } });
  assert.equal(read(`a=b; __Host-toolgate_session=${VALUE}; c=d`), VALUE);
  for (const header of [
    undefined,
    '',
    `toolgate_session=${VALUE}`,
    `__host-toolgate_session=${VALUE}`,
    `__Host-toolgate_session=${VALUE}x`,
    `__Host-toolgate_session="${VALUE}"`,
    `__Host-toolgate_session=${VALUE}; __Host-toolgate_session=${'w'.repeat(43)}`,
  ]) {
    assert.equal(read(header), null, String(header));
  }
});
