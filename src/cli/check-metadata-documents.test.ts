import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../config/config.ts';
import { OauthSchema } from '../config/oauth-schema.ts';
import type { SafeFetchAnswer, safeFetch } from '../lib/safe-fetch.ts';
import { SafeFetchError } from '../lib/safe-fetch-error.ts';
import { checkMetadataDocuments } from './check-metadata-documents.ts';

const configOf = (clients: object = {}, more: object = {}): Pick<Config, 'oauth'> => ({
  oauth: OauthSchema.parse({ ...more, clients: { metadataDocuments: clients } }),
});

/** A network that answers everything like this, and what it was asked. */
function network(answer: () => SafeFetchAnswer) {
  const asked: [string, unknown][] = [];
  const fetch: typeof safeFetch = async (url, options) => {
    asked.push([String(url), options]);
    return answer();
  };
  return { asked, fetch };
}

const answered = (status: number) => network(() => ({ status, headers: new Headers(), text: '' }));
const failing = (code: ConstructorParameters<typeof SafeFetchError>[0]) =>
  network(() => {
    throw new SafeFetchError(code, `no way: ${code}`);
  });

test('a gateway without a way out is told which setting to change', async () => {
  for (const code of ['unreachable', 'timeout', 'address_not_allowed'] as const) {
    const [finding] = await checkMetadataDocuments(configOf(), failing(code).fetch);
    assert.equal(finding?.level, 'warn');
    assert.match(finding.detail, new RegExp(`claude\\.ai is out of reach \\(no way: ${code}\\)`));
    assert.match(finding.fix!, /oauth\.clients\.metadataDocuments\.enabled: false/);
  }
});

test('whatever answers will do, and it is asked as strangers’ documents are, for 3 seconds', async () => {
  for (const { asked, fetch } of [answered(200), answered(403), failing('redirected')]) {
    const [finding] = await checkMetadataDocuments(configOf(), fetch);
    assert.equal(finding?.level, 'ok');
    assert.deepEqual(asked[0]?.[1], { reach: 'public', timeoutMs: 3000 });
  }
});

test('where only some domains count, one of them is asked; where documents are off, nobody is', async () => {
  const corp = answered(200);
  await checkMetadataDocuments(configOf({ domains: ['apps.corp.example'] }), corp.fetch);
  assert.equal(corp.asked[0]?.[0], 'https://apps.corp.example/');
  const none = answered(200);
  assert.deepEqual(await checkMetadataDocuments(configOf({ enabled: false }), none.fetch), []);
  assert.deepEqual(await checkMetadataDocuments(configOf({}, { enabled: false }), none.fetch), []);
  assert.deepEqual(none.asked, []);
});
