import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/errors/app-error.ts';
import { createLimiter } from '../../src/lib/limiter.ts';
import type { Credential } from '../../src/upstreams/upstream-connection.ts';
import { type Broker, bearerOf, newBrokerFolder, oauthUpstream, openBroker, SHARED, user } from '../brokers.ts';
import { callbackOf, startOauthProvider } from '../fakes/oauth-provider.ts';
import { startOauthUpstream } from '../fakes/upstream-oauth.ts';

const PEOPLE = ['usr_a', 'usr_b', 'usr_c'].map(user);
const BROKERS = 2;
const REFUSED = { status: 401, resourceMetadata: null, scopes: [], error: null } as const;
const RUNS = 12;

const ACTIONS = [
  'call',
  'call',
  'call',
  'renew',
  'connect',
  'connect',
  'disconnect',
  'refresh',
  'kill',
  'sweep',
] as const;

const steps = fc.array(
  fc.record({
    action: fc.constantFrom(...ACTIONS),
    who: fc.nat(PEOPLE.length - 1),
    where: fc.nat(2),
    broker: fc.nat(BROKERS - 1),
    /** Turns of the event loop before it begins: what begins together, and what in the middle of the other. */
    after: fc.nat(40),
  }),
  { minLength: 15, maxLength: 40 },
);

type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;

async function start(t: TestContext) {
  const provider = await startOauthProvider();
  t.after(() => provider.close());
  const fakes = [await startOauthUpstream(provider), await startOauthUpstream(provider)];
  for (const fake of fakes) t.after(() => fake.close());
  const upstreams = [
    oauthUpstream('one', fakes[0]!.url),
    oauthUpstream('two', fakes[1]!.url),
    oauthUpstream('team', fakes[1]!.url, { kind: 'oauth-shared' }),
  ];
  const folder = await newBrokerFolder(t);
  const brokers: Broker[] = [];
  while (brokers.length < BROKERS) {
    // A memory that is too small, so that tokens come and go.
    const broker = await openBroker(folder, { upstreams: () => upstreams, cacheSize: 3 });
    t.after(broker.close);
    brokers.push(broker);
  }
  /** Whose each access token is that was ever issued. */
  const accounts = new Map<string, string>();
  let lifetime = 0;
  provider.tamper.token = (answer) => {
    const token = answer.access_token as string;
    accounts.set(token, provider.token(token)!.grant.account);
    // Every other one is over as soon as it is there, so that refreshes happen all the time.
    return { ...answer, expires_in: lifetime++ % 2 === 0 ? 3600 : 0 };
  };
  return { provider, upstreams, brokers, accounts };
}

test('whatever happens beside each other, no token of one person at one upstream is given for another', {
  timeout: 300_000,
}, async (t) => {
  const { provider, upstreams, brokers, accounts } = await start(t);
  const oneAtATime = createLimiter(1);
  let given = 0;

  async function act({ action, who, where, broker, after }: Step): Promise<void> {
    for (let turn = 0; turn < after; turn++) await new Promise((done) => setImmediate(done));
    const { connections } = brokers[broker]!;
    const upstream = upstreams[where]!;
    const person = PEOPLE[who]!;
    const owner = upstream.auth.kind === 'oauth-shared' ? SHARED : person;
    const account = `${owner.id || 'team'} at ${upstream.name}`;
    const check = (credential: Credential): void => {
      assert.equal(accounts.get(bearerOf(credential)), account);
      given++;
    };
    switch (action) {
      case 'call':
        return check(await connections.of(upstream, person));
      case 'renew': {
        const used = await connections.of(upstream, person);
        check(used);
        return check(await connections.renewed(upstream, person, used, REFUSED));
      }
      case 'connect': {
        const browser = { userId: person.id, browserHash: 'b' };
        const url = await connections.begin(upstream.name, owner, { ...browser, returnTo: '/' });
        const callback = await oneAtATime(() => {
          provider.approve = account;
          return callbackOf(url);
        });
        await connections.complete(upstream.name, callback, browser);
        return;
      }
      case 'disconnect':
        await connections.disconnect(upstream.name, owner, { ...person, name: 'x' });
        return;
      case 'refresh':
        return connections.refresh(upstream.name, owner);
      case 'kill':
        return provider.revokeGrant(account);
      case 'sweep':
        return connections.sweep();
    }
  }

  await fc.assert(
    fc.asyncProperty(steps, async (drawn) => {
      const outcomes = await Promise.allSettled(drawn.map(act));
      for (const outcome of outcomes) {
        // Refusals are no mix-up; anything but an answer of the broker is a mistake of it.
        if (
          outcome.status === 'rejected' &&
          !(outcome.reason instanceof AppError && outcome.reason.code !== 'internal')
        ) {
          throw outcome.reason;
        }
      }
      const rows = await brokers[0]!.connections.list({});
      for (const { upstream, owner } of rows.items) {
        assert.ok(upstream === 'team' ? owner.kind === 'shared' : owner.kind === 'user');
      }
    }),
    { numRuns: RUNS },
  );
  assert.ok(given > 50, `${given} tokens were looked at`);
});
