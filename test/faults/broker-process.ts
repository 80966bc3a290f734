/** A gateway process as far as tokens of upstreams go: asks for the tokens of many people at once when it is told to. */
import { type BrokerFolder, bearerOf, oauthUpstream, openBroker, user } from '../brokers.ts';

export interface BrokerProcessArgument {
  readonly folder: BrokerFolder;
  readonly url: string;
  readonly owners: readonly string[];
  /** Never gets anything stored: whoever started it can kill it between the provider and the disk. */
  readonly stuck?: boolean;
}

export type BrokerMessage =
  | { readonly kind: 'ready' }
  /** It has new tokens of the provider, and is about to store them. */
  | { readonly kind: 'storing' }
  | { readonly kind: 'done'; readonly tokens: readonly [owner: string, token: string][]; readonly failures: string[] };

const { folder, url, owners, stuck } = JSON.parse(process.argv[2]!) as BrokerProcessArgument;
const say = (message: BrokerMessage): void => void process.send!(message);
const upstream = oauthUpstream('up', url);
const broker = await openBroker(folder, {
  upstreams: () => [upstream],
  wrapVault: (vault) =>
    stuck
      ? {
          ...vault,
          replace: () => {
            say({ kind: 'storing' });
            return new Promise(() => {});
          },
        }
      : vault,
});

process.on('message', async () => {
  const outcomes = await Promise.allSettled(
    owners.map(async (id) => bearerOf(await broker.connections.of(upstream, user(id)))),
  );
  const tokens: [string, string][] = [];
  const failures: string[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') tokens.push([owners[i]!, outcome.value]);
    else failures.push(String(outcome.reason));
  }
  say({ kind: 'done', tokens, failures });
});
process.on('disconnect', () => process.exit());
say({ kind: 'ready' });
