import type { Era } from '../../src/model/catalogue.ts';
import { startLegacyFixture } from '../conformance/fixture/legacy-fixture.ts';
import type { Fixture } from '../conformance/fixture/listen.ts';
import { startModernFixture } from '../conformance/fixture/modern-fixture.ts';
import { startGateway } from './gateway.ts';

/** A tool that the fixtures offer and that the clients' key must not reach. */
export const DENIED_TOOL = 'erase_everything';

const UPSTREAM_TOKEN = 'the-credential-of-the-upstream';

/** Small enough for several pages. */
const PAGE_SIZE = 7;

export interface Target {
  readonly url: URL;
  /** The credential of the client. */
  readonly headers: Readonly<Record<string, string>>;
  /** The server behind the gateway; tells what arrived there. */
  readonly fixture: Fixture;
  /** What every request that arrives at the fixture has to carry. */
  readonly upstreamAuthorization: string;
  /** Names of those who opened a session with the fixture, but for the gateway itself. */
  sessionsOfClients(): string[];
  close(): Promise<void>;
}

/** A gateway with a key, in front of a fixture that accepts nothing but its own credential. */
export async function startTarget(era: Era): Promise<Target> {
  const start = era === 'modern' ? startModernFixture : startLegacyFixture;
  const fixture = await start({ bearer: UPSTREAM_TOKEN, pageSize: PAGE_SIZE });
  const upstreamAuthorization = `Bearer ${UPSTREAM_TOKEN}`;
  const gateway = await startGateway({
    upstreamUrl: fixture.url,
    auth: 'keys',
    upstreamAuthorization,
    deniedTools: [DENIED_TOOL],
  });
  return {
    url: new URL(gateway.url),
    headers: gateway.headers,
    fixture,
    upstreamAuthorization,
    sessionsOfClients: () =>
      fixture.seen
        .filter(({ message }) => message?.method === 'initialize')
        .map(({ message }) => (message?.params?.clientInfo as { name: string } | undefined)?.name ?? '')
        .filter((name) => name !== 'toolgate'),
    async close() {
      await gateway.close();
      await fixture.close();
    },
  };
}
