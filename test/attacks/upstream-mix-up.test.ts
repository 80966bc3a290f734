/** A provider whose metadata leads people to another provider, to be handed the codes that they get there (RFC 9700 §4.4). */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { UpstreamOauth } from '../../src/model/upstream.ts';
import { connect, newBrokerFolder, oauthUpstream, openBroker, user } from '../brokers.ts';
import { startOauthProvider } from '../fakes/oauth-provider.ts';
import { startOauthUpstream } from '../fakes/upstream-oauth.ts';

const ann = user('usr_ann');

async function start(t: TestContext, { iss, promised }: { iss: boolean; promised: boolean }) {
  const honest = await startOauthProvider({ quirks: { iss } });
  const evil = await startOauthProvider({ quirks: { iss: false } });
  const fake = await startOauthUpstream(evil);
  t.after(() => Promise.all([fake.close(), evil.close(), honest.close()]));
  evil.tamper.metadata = (document) => ({
    ...document,
    authorization_endpoint: `${honest.issuer}/authorize`,
    registration_endpoint: `${honest.issuer}/register`,
    authorization_response_iss_parameter_supported: promised,
  });
  const folder = await newBrokerFolder(t);
  const open = async (oauth: Partial<UpstreamOauth> = {}) => {
    const up = oauthUpstream('up', fake.url, { oauth });
    const broker = await openBroker(folder, { upstreams: () => [up] });
    t.after(broker.close);
    return broker;
  };
  return { honest, evil, open };
}

for (const iss of [true, false]) {
  test(`a provider that borrows the sign-in of one that sends ${iss ? 'its' : 'no'} iss gets no code`, async (t) => {
    for (const promised of [true, false]) {
      const { evil, open } = await start(t, { iss, promised });
      await assert.rejects(connect(await open(), 'up', ann), { code: 'connect_failed' });
      assert.equal(evil.to('token').length, 0);
    }
  });
}

test('where both belong together, an administrator says so', async (t) => {
  const { evil, open } = await start(t, { iss: false, promised: false });
  const unset = await open();
  await assert.rejects(unset.connections.plan('up', ann), { message: /would ask people, and .* set `issuer`/ });
  const { warning } = await (await open({ issuer: evil.issuer })).connections.plan('up', ann);
  assert.equal(warning, null);
});
