/** Clocks are at most a minute apart; whoever needs more has a wrong clock, or an old token. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startTokenIssuer } from '../fakes/token-issuer.ts';
import { declared, introspectionOf, openTokenBench } from '../token-bench.ts';

type Claims = Readonly<Record<string, unknown>>;

/** Three kinds of token, all verified by the same rules. */
async function open(t: TestContext) {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const bench = await openTokenBench(t, {
    issuers: [declared(idp, { introspection: introspectionOf(idp) })],
    accountOf: async () => ({ userId: 'usr_ann' }),
  });
  // Whole seconds, as in tokens.
  bench.clock.now = Math.floor(bench.clock.now / 1000) * 1000;
  const now = bench.clock.now / 1000;
  let count = 0;
  const kinds: Readonly<Record<string, (claims: Claims) => Promise<string>>> = {
    own: (claims) => bench.sign(claims),
    external: (claims) => idp.sign({ sub: 'ann', aud: 'gateway', ...claims }),
    opaque: async (claims) => {
      const token = `opaque-${++count}`;
      idp.opaque.set(token, { sub: 'ann', aud: 'gateway', iat: now, exp: now + 600, ...claims });
      return token;
    },
  };
  return { ...bench, now, kinds: Object.entries(kinds) };
}

test('a token that ended 59 seconds ago is good, and one that ended 61 seconds ago is not', async (t) => {
  const { kinds, now, outcomeOf } = await open(t);
  for (const [kind, make] of kinds) {
    const ended = async (seconds: number) => outcomeOf(await make({ iat: now - 900, exp: now - seconds }));
    assert.deepEqual([await ended(59), await ended(61)], ['is usr_ann', 'expired'], kind);
  }
});

test('a token in memory ends at the same moment as one that is new', async (t) => {
  const { kinds, clock, now, outcomeOf } = await open(t);
  for (const [kind, make] of kinds) {
    clock.now = now * 1000;
    const token = await make({ exp: now + 10 });
    assert.equal(await outcomeOf(token), 'is usr_ann', kind);
    clock.now = (now + 69) * 1000 + 999;
    assert.equal(await outcomeOf(token), 'is usr_ann', kind);
    clock.now = (now + 70) * 1000;
    assert.equal(await outcomeOf(token), 'expired', kind);
    clock.now = now * 1000;
    assert.equal(await outcomeOf(token), 'is usr_ann', `${kind}: a clock that is set back does no lasting harm`);
  }
});

test('a token from the future is refused, by `nbf` and by `iat`', async (t) => {
  const { kinds, now, outcomeOf } = await open(t);
  for (const [kind, make] of kinds) {
    for (const claim of ['nbf', 'iat']) {
      const ahead = async (seconds: number) => outcomeOf(await make({ [claim]: now + seconds }));
      assert.deepEqual([await ahead(59), await ahead(61)], ['is usr_ann', 'not_yet_valid'], `${kind} ${claim}`);
    }
  }
});

test('times that are no numbers do not make a token good for ever', async (t) => {
  const { kinds, outcomeOf } = await open(t);
  for (const [kind, make] of kinds) {
    for (const exp of ['9999999999', null, [], {}, true]) {
      const outcome = await outcomeOf(await make({ exp }));
      assert.ok(['claims', 'expired'].includes(outcome), `${kind} ${JSON.stringify(exp)}: ${outcome}`);
    }
  }
});
