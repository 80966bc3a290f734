import type { Era } from '../../src/model/catalogue.ts';
import { startLegacyFixture } from '../conformance/fixture/legacy-fixture.ts';
import { startModernFixture } from '../conformance/fixture/modern-fixture.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { Browser } from '../oauth-browser.ts';
import { addPerson, PASSWORD, type Person } from '../sign-in.ts';

/** A gateway that people sign in to, in front of a fixture. */
export interface SignedInTarget {
  /** The endpoint of the one upstream, where its names are untouched. */
  readonly url: URL;
  readonly gateway: TestGateway;
  readonly person: Person;
  /** Signs the person in on the page at this URL, allows what is asked for, and returns where the browser is sent back to. */
  allow(authorizationUrl: string | URL): Promise<URL>;
  close(): Promise<void>;
}

export async function startSignedInTarget(era: Era, oauth: object = {}): Promise<SignedInTarget> {
  const fixture = await (era === 'modern' ? startModernFixture : startLegacyFixture)({});
  const gateway = await startToolgate({ config: { oauth, upstreams: [{ name: 'fixture', url: fixture.url }] } });
  const person = await addPerson(gateway, 'ann@example.com', ['full-access']);
  const browser = new Browser(gateway.url);
  let signedIn = false;
  return {
    url: new URL(`${gateway.url}/mcp/fixture`),
    gateway,
    person,
    async allow(authorizationUrl) {
      let page = await browser.open(String(authorizationUrl));
      if (!signedIn) page = await browser.submit(page, { login: person.name, password: PASSWORD });
      signedIn = true;
      return new URL((await browser.submit(page, { decision: 'allow' })).url);
    },
    async close() {
      await gateway.close();
      await fixture.close();
    },
  };
}
