import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import { type AdminBench, openAdminBench } from '../flows/admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const CANARIES = {
  shared: 'Bearer canary-shared-7Hq2mZ',
  entry: 'canary-entry-9Xw4kP',
  personal: 'canary-personal-3Lr8vT',
  own: 'canary-own-5Yc1nB',
  // Refused ones are as secret as stored ones.
  refused: 'canary-refused-2Gf6dJ\n',
  misplaced: 'canary-misplaced-8Us3hE',
  asName: 'canary-as-name-4Ko7wQ',
};

test('no answer, log line, audit record or file of the data folder ever holds a secret', async () => {
  const answers: string[] = [];
  const call = async (...args: Parameters<AdminBench['call']>) => {
    const answer = await bench.call(...args);
    answers.push(`${answer.text} ${JSON.stringify(answer.headers)}`);
    return answer;
  };
  const off = { url: 'http://127.0.0.1:9/mcp', enabled: false };
  await call('POST', '/upstreams', { name: 'shared', ...off, auth: { kind: 'headers', names: ['Authorization'] } });
  await call('POST', '/upstreams', { name: 'each', ...off, auth: { kind: 'headers-per-user', names: ['X-Token'] } });
  const credential = '/upstreams/shared/credential';
  assert.equal((await call('PUT', credential, { values: { authorization: CANARIES.shared } })).status, 200);
  assert.equal(
    (await call('PUT', '/upstreams/from-file/credential', { values: { TOKEN: CANARIES.entry } })).status,
    200,
  );
  const of = `/upstreams/each/credentials/user/${bench.member.id}`;
  assert.equal((await call('PUT', of, { values: { 'X-Token': CANARIES.personal } })).status, 200);
  const mine = '/upstreams/each/my-credential';
  const asMachine = { key: bench.machine.key };
  assert.equal((await call('PUT', mine, { values: { 'X-Token': CANARIES.own } }, asMachine)).status, 200);

  for (const values of [
    { Authorization: CANARIES.refused },
    { 'X-Other': CANARIES.misplaced },
    { Authorization: [CANARIES.misplaced] },
  ]) {
    assert.equal((await call('PUT', credential, { values })).status, 422);
  }
  assert.equal((await call('PUT', credential, { values: { Authorization: 'x' }, [CANARIES.asName]: 1 })).status, 422);
  assert.equal(
    (await call('PUT', credential, undefined, { rawBody: `{"values":{"A":"${CANARIES.misplaced}"` })).status,
    400,
  );
  assert.equal((await call('PUT', credential, { value: CANARIES.misplaced })).status, 422);
  assert.equal(
    (await call('POST', '/upstreams', { name: 'x', ...off, headers: { a: CANARIES.misplaced } })).status,
    422,
  );
  assert.equal(
    (await call('POST', '/upstreams', { name: 'x', url: `https://u:${CANARIES.misplaced}@h.example` })).status,
    422,
  );

  const issued = await bench.call('POST', '/access-keys', { owner: { kind: 'user', id: bench.member.id }, name: 'k' });
  const rotated = await bench.call('POST', `/access-keys/${issued.body.accessKey.id}/rotate`, { overlapSeconds: 60 });
  assert.equal((await bench.call('GET', '/whoami', undefined, { key: rotated.body.key })).status, 200);

  await call('POST', '/upstreams/shared/test', undefined);
  await call('POST', '/vault/rotate', {});
  for (const { method, path } of ADMIN_ROUTES.filter((route) => route.method === 'GET')) {
    for (const name of ['shared', 'each', 'from-file']) {
      const at = path
        .replace(/^\/access-keys\/\{id\}/, `/access-keys/${issued.body.accessKey.id}`)
        .replace('{id}', bench.member.id)
        .replace('{name}', name);
      await call(method, at);
    }
  }
  await bench.audit.flush();

  const secrets = [
    ...Object.values(CANARIES).map((text) => text.trim().replace('Bearer ', '')),
    ...[issued.body.key, rotated.body.key, bench.owner.key, bench.machine.key].map((key) => key.slice(8)),
  ];
  const leaks: string[] = [];
  const search = (where: string, text: string) => {
    for (const secret of secrets) if (text.includes(secret)) leaks.push(`${secret} in ${where}`);
  };
  search('answers', answers.join('\n').replaceAll(CANARIES.asName, ''));
  search('logs', bench.logs.join('\n'));
  for (const file of await readdir(bench.dataDir)) search(file, await readFile(join(bench.dataDir, file), 'latin1'));
  assert.deepEqual(leaks, []);
  // The search is able to find something.
  search('itself', CANARIES.shared);
  assert.equal(leaks.length, 1);
});

test('the key itself is in the answer that creates it and in no other', async () => {
  const issued = await bench.call('POST', '/access-keys', {
    owner: { kind: 'user', id: bench.member.id },
    name: 'once',
  });
  const { id } = issued.body.accessKey;
  const { status, text } = await bench.call('GET', `/access-keys/${id}`);
  assert.equal(status, 200);
  assert.ok(!text.includes(issued.body.key.slice(8)));
  assert.ok(!/hash|secret/i.test(text));
  assert.equal(JSON.parse(text).hint, `${issued.body.key.slice(0, 8)}…`);
});
