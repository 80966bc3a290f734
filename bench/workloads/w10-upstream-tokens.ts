import { randomBytes } from 'node:crypto';
import { median } from '../harness/rounds.ts';
import { count, kilobytes, ms, type Section, type Table, us, type Verdict } from '../harness/section.ts';
import { type Stand, WITH_GC } from '../harness/stand.ts';
import { type BenchProcess, startProcess } from '../harness/start-process.ts';
import { makeFolder, removeFolder } from '../harness/temp-folder.ts';
import type { OauthFixtureCommands, ProviderCount } from '../oauth-fixture.ts';
import type { TokenBrokerCommands, TokenBrokerOptions, Waits } from '../token-broker.ts';

const PROCESSES = 3;
const PEOPLE = 1_000;
const IN_MEMORY = 10_000;
const CLIENT_ID = 'toolgate-bench';
const MAX_ADDED_US = 3;

type Provider = BenchProcess<OauthFixtureCommands>;
type Broker = BenchProcess<TokenBrokerCommands>;

/** The tokens of people at an upstream: a thousand that end in the same second, and what one costs when it is warm. */
export async function w10UpstreamTokens(stand: Stand): Promise<Section> {
  const dataDir = makeFolder();
  const provider = await startProcess<OauthFixtureCommands>('oauth-fixture.ts', { half: 'serving' });
  const brokers: Broker[] = [];
  try {
    const argument: TokenBrokerOptions = {
      dataDir,
      masterKey: randomBytes(32).toString('base64'),
      origin: await provider.ask('origin'),
      clientId: CLIENT_ID,
    };
    const start = async (): Promise<Broker> => {
      const broker = await startProcess<TokenBrokerCommands>('token-broker.ts', {
        ...{ argument, nodeFlags: WITH_GC, half: 'served' },
      });
      brokers.push(broker);
      return broker;
    };
    while (brokers.length < PROCESSES) await start();
    const storm = await expireTogether(stand, provider, brokers);
    // One that has nothing in memory yet.
    const warm = await warmTokens(stand, provider, { writer: brokers[0]!, fresh: await start() });
    return {
      id: 'W10',
      title: 'tokens of upstreams',
      about:
        `The part of the gateway that keeps tokens of upstreams, in ${PROCESSES} processes on one data folder (SQLite), and ` +
        'a provider that gives a new refresh token at each refresh and ends the grant of one that is used twice. All on ' +
        'this machine, without TLS.',
      tables: [storm.table, ...warm.tables],
      verdicts: [...storm.verdicts, ...warm.verdicts],
    };
  } finally {
    for (const broker of brokers) await broker.stop();
    await provider.stop();
    removeFolder(dataDir);
  }
}

async function expireTogether(
  stand: Stand,
  provider: Provider,
  brokers: readonly Broker[],
): Promise<{ table: Table; verdicts: Verdict[] }> {
  const rows: string[][] = [];
  const seen: { waits: Waits[]; counted: ProviderCount }[] = [];
  for (let round = 0; round < (stand.quick ? 1 : 3); round++) {
    const first = round * PEOPLE;
    const refreshTokens = await provider.ask('grants', PEOPLE);
    await brokers[0]!.ask('seed', { first, refreshTokens, endInMs: -1 });
    const from = performance.now();
    const waits = await Promise.all(brokers.map((broker) => broker.ask('callAll', { first, count: PEOPLE })));
    const wallMs = performance.now() - from;
    const counted = await provider.ask('count');
    const sorted = waits.flatMap(({ waitsMs }) => waitsMs).sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    const failed = waits.reduce((sum, one) => sum + one.failed, 0);
    rows.push([
      String(round + 1),
      ...[counted.refreshed, counted.mostOfOne, counted.invalidGrants, failed].map(count),
      ...[at(0.5), at(0.99), wallMs].map(ms),
    ]);
    seen.push({ waits, counted });
  }
  const exact = seen.every(({ counted }) => counted.refreshed === PEOPLE && counted.mostOfOne === 1);
  const sum = (pick: (round: (typeof seen)[number]) => number) => seen.reduce((total, round) => total + pick(round), 0);
  const invalid = sum(({ counted }) => counted.invalidGrants);
  const failed = sum(({ waits }) => waits.reduce((total, one) => total + one.failed, 0));
  return {
    table: {
      caption: `The tokens of ${count(PEOPLE)} people end in the same second; each process gets a call of each of them at once.`,
      columns: [
        'round',
        'grants refreshed',
        'most refreshes of one grant',
        'invalid_grant',
        'calls that failed',
        'p50 of waiting',
        'p99 of waiting',
        'until the last has a token',
      ],
      rows,
    },
    verdicts: [
      { target: 'exactly one refresh for each grant', measured: exact ? 'one' : 'others, see above', met: exact },
      { target: 'no invalid_grant', measured: count(invalid), met: invalid === 0 },
      { target: 'no call fails', measured: count(failed), met: failed === 0 },
    ],
  };
}

async function warmTokens(
  stand: Stand,
  provider: Provider,
  { writer, fresh: broker }: { writer: Broker; fresh: Broker },
): Promise<{ tables: Table[]; verdicts: Verdict[] }> {
  const first = 100_000;
  const people = stand.quick ? 1_000 : IN_MEMORY;
  const connected = await broker.ask('connect', { first: 200_000, count: stand.quick ? 5 : 50 });
  await writer.ask('seed', {
    first,
    refreshTokens: await provider.ask('grants', people),
    endInMs: 24 * 3_600_000,
  });
  const before = await broker.rested();
  const { failed } = await broker.ask('callAll', { first, count: people });
  if (failed > 0) throw new Error(`${failed} tokens that live could not be read`);
  const after = await broker.rested();
  const spent = await broker.ask('compareWarm', {
    rounds: stand.quick ? 3 : 15,
    count: stand.quick ? 20_000 : 200_000,
    ...{ first, people: PEOPLE },
  });
  const added = median(spent.personal.map((personal, round) => personal - spent.fixed[round]!));
  return {
    tables: [
      {
        caption: 'A credential in memory, resolved for a call, in turns.',
        columns: ['CPU of one', ''],
        rows: [
          ['a header that all share', us(median(spent.fixed))],
          [`a token of each of ${count(PEOPLE)} people`, us(median(spent.personal))],
          ['added', us(added)],
        ],
      },
      {
        columns: ['', 'measured'],
        rows: [
          ['memory for each connection in use', kilobytes((after.rssBytes - before.rssBytes) / people)],
          ['connecting, the first of all (finds the provider)', ms(connected[0]!)],
          ['connecting, the following ones', ms(median(connected.slice(1)))],
        ],
      },
    ],
    verdicts: [
      {
        target: `added CPU of a warm token of one’s own ≤ ${us(MAX_ADDED_US)}`,
        measured: us(added),
        met: added <= MAX_ADDED_US,
      },
    ],
  };
}
