import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_ROUTES, openApiDocument } from '../../src/admin/openapi.ts';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

// biome-ignore lint/suspicious/noExplicitAny: a JSON document of many shapes
const document = openApiDocument('1.2.3') as any;

test('the document is OpenAPI 3.1 and has every route once, with a unique name', () => {
  assert.equal(document.openapi, '3.1.0');
  assert.equal(document.info.version, '1.2.3');
  const operations = Object.entries<Record<string, { operationId: string }>>(document.paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({
        key: `${method.toUpperCase()} ${path}`,
        operationId,
      })),
  );
  assert.deepEqual(
    operations.map(({ key }) => key).sort(),
    ADMIN_ROUTES.map(({ method, path }) => `${method} ${path}`).sort(),
  );
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
});

test('every reference leads somewhere, and no component is left over', () => {
  const text = JSON.stringify(document);
  const references = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!));
  const components = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
  assert.deepEqual([...references].sort(), components.sort());
  assert.doesNotMatch(text, /\$defs|"\$schema"/);
  for (const [name, schema] of Object.entries<object>(document.components.schemas)) {
    assert.ok(
      ['type', 'anyOf', 'oneOf'].some((word) => word in schema),
      `${name} describes something`,
    );
  }
});

test('every parameter of a path is described, and versions and repetitions are asked for where they count', () => {
  for (const { method, path, versioned, action } of ADMIN_ROUTES) {
    const operation = document.paths[path][method.toLowerCase()];
    const named = (place: string): string[] =>
      operation.parameters.filter((one: { in: string }) => one.in === place).map((one: { name: string }) => one.name);
    assert.deepEqual(named('path').sort(), [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort(), path);
    assert.equal(named('header').includes('If-Match'), versioned === true, `${method} ${path}`);
    assert.equal(named('header').includes('Idempotency-Key'), method === 'POST' && action !== undefined);
    assert.ok(operation.responses['401'] && operation.responses.default);
  }
});

test('the gateway serves its document to administrators', async () => {
  const served = await bench.call('GET', '/openapi.json');
  assert.deepEqual(served.body, JSON.parse(JSON.stringify(openApiDocument('test'))));
  assert.equal((await bench.call('GET', '/openapi.json', undefined, { key: bench.member.key })).status, 403);
});

test('the document does not change from one start to the next', () => {
  assert.equal(JSON.stringify(openApiDocument('1')), JSON.stringify(openApiDocument('1')));
});
