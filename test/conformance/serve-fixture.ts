/** Starts one fixture for a look by hand: `node test/conformance/serve-fixture.ts legacy|modern [port]`. */
import { startLegacyFixture } from './fixture/legacy-fixture.ts';
import { startModernFixture } from './fixture/modern-fixture.ts';

const [era, port = '0'] = process.argv.slice(2);
const start = era === 'modern' ? startModernFixture : startLegacyFixture;
const fixture = await start({ port: Number(port) });
console.log(fixture.url);
