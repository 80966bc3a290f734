import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { findRoute, methodsAt } from './find-route.ts';
import { defineRoute, type Method } from './routes.ts';

const route = (method: Method, path: `/${string}`, mediaType?: string) =>
  defineRoute({
    method,
    path,
    tag: 'Test',
    operationId: `${method} ${path}`,
    summary: '',
    access: 'admin',
    answer: { status: 200, description: '', schema: z.undefined(), ...(mediaType && { mediaType }) },
    handle: async () => ({}),
  });
const routes = [
  route('GET', '/users'),
  route('POST', '/users'),
  route('GET', '/users/{id}'),
  route('GET', '/users/{id}/groups/{groupId}'),
  route('GET', '/openapi.json'),
  route('GET', '/export', 'application/x-ndjson'),
];
const found = (method: string, path: string) => {
  const match = findRoute(routes, method, path);
  return match && [match.route.operationId, match.params];
};

test('a route is found by method and exact path, with the decoded parts of the path', () => {
  assert.deepEqual(found('POST', '/users'), ['POST /users', {}]);
  assert.deepEqual(found('GET', '/users/a%20b'), ['GET /users/{id}', { id: 'a b' }]);
  assert.deepEqual(found('GET', '/users/x/groups/y'), ['GET /users/{id}/groups/{groupId}', { id: 'x', groupId: 'y' }]);
});

test('another case, a trailing slash, an empty or a climbing part is another path', () => {
  for (const path of [
    '/Users',
    '/users/',
    '//users',
    '/users//groups/y',
    '',
    '/',
    '/users/x/y',
    '/openapi-json',
    '/users\n',
  ]) {
    assert.equal(found('GET', path), null, JSON.stringify(path));
  }
});

test('an escaped slash stays inside its part', () => {
  assert.deepEqual(found('GET', '/users/..%2fvault'), ['GET /users/{id}', { id: '../vault' }]);
});

test('HEAD is served where GET is, except for streams', () => {
  assert.deepEqual(found('HEAD', '/users'), ['GET /users', {}]);
  assert.equal(found('HEAD', '/export'), null);
  assert.deepEqual(methodsAt(routes, '/users'), ['GET', 'HEAD', 'POST']);
  assert.deepEqual(methodsAt(routes, '/export'), ['GET']);
  assert.deepEqual(methodsAt(routes, '/nothing'), []);
});
