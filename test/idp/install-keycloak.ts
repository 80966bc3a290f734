import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '26.4.2';
const JAVA = 17;
const CACHE = resolve(import.meta.dirname, '../../.cache');
const FOLDER = join(CACHE, `keycloak-${VERSION}`);

export const say = (text: string): void => console.error(`keycloak: ${text}`);

/**
 * What of this machine is missing for running Keycloak; null when it can run. Where everything has to be tested
 * (`TOOLGATE_REQUIRE_ALL`, as in CI) it throws instead. Pass it on as the reason to skip.
 */
export async function missingForKeycloak(): Promise<string | null> {
  const reason = await findMissing();
  if (reason === null) return null;
  const loud = `NOT TESTED with a real identity provider: ${reason}`;
  if (process.env.TOOLGATE_REQUIRE_ALL) throw new Error(loud);
  console.error(`\n${'!'.repeat(100)}\n!! ${loud}\n${'!'.repeat(100)}\n`);
  return loud;
}

async function findMissing(): Promise<string | null> {
  const version = await javaVersion();
  if (version < JAVA) return `Java ${JAVA} or newer is needed (apt-get install default-jre-headless).`;
  try {
    await installKeycloak();
    return null;
  } catch (error) {
    return `Keycloak ${VERSION} could not be fetched with Maven (apt-get install maven): ${(error as Error).message}`;
  }
}

/** 0 when there is none. */
async function javaVersion(): Promise<number> {
  const { stderr } = await promisify(execFile)('java', ['-version']).catch(() => ({ stderr: '' }));
  return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
}

/** The folder of Keycloak, fetched from Maven Central the first time and kept in `.cache`. */
export async function installKeycloak(): Promise<string> {
  if (existsSync(FOLDER)) return FOLDER;
  await mkdir(CACHE, { recursive: true });
  const fresh = await mkdtemp(join(CACHE, 'keycloak-'));
  try {
    say(`fetching ${VERSION} through Maven (160 MB, once)`);
    const maven = spawn(
      'mvn',
      [
        ...['--batch-mode', '--no-transfer-progress', 'dependency:unpack'],
        `-Dartifact=org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`,
        `-DoutputDirectory=${fresh}`,
      ],
      // It leaves a folder of marks where it is started.
      { cwd: fresh, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let said = '';
    for (const stream of [maven.stdout, maven.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    }
    const [code] = await once(maven, 'close');
    if (code !== 0) throw new Error(`mvn ended with ${code}: ${said.slice(-2000)}`);
    await rename(join(fresh, `keycloak-${VERSION}`), FOLDER);
    return FOLDER;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
