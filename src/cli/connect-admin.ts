import type { LoadedConfig } from '../config/load-config.ts';
import type { Secret } from '../lib/secret.ts';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';
import { isDataFolder, isInUse } from './data-folder.ts';
import { dialUrl } from './dial-url.ts';
import { createHttpTransport, isUnprotected, readGatewayUrl } from './http-transport.ts';
import type { CliContext, SharedOptions } from './invocation.ts';
import { loadLocalConfig } from './load-local-config.ts';
import { readKey } from './read-key.ts';
import { REGAIN_ACCESS } from './regain-access.ts';

/**
 * The admin API that a command works on. An address that was given is taken as it is. Otherwise it is the gateway of the
 * local configuration; and when nobody uses its data folder, the API in this process, as the user of this machine.
 */
export async function connectAdmin(context: CliContext, options: SharedOptions): Promise<AdminClient> {
  const { env } = context;
  const given = options.url ?? (env.TOOLGATE_URL || undefined);
  if (given !== undefined) {
    const origin = readGatewayUrl(options.url === undefined ? 'TOOLGATE_URL' : '--url', given);
    return createAdminClient(createHttpTransport(origin, await requireKey(context, options, origin)));
  }
  const loaded = await loadLocalConfig(context, options);
  const { dataDir } = loaded.config;
  const origin = dialUrl(loaded.config);
  if (!(await isDataFolder(dataDir))) {
    const key = await readKey(context, options);
    if (key !== null && (await answers(origin))) return createAdminClient(createHttpTransport(origin, key));
    throw new CliError(
      `There is no gateway at ${origin} and no data folder at ${dataDir}. Start one with \`toolgate serve\`, ` +
        'or say where it is: --url for a running gateway, --data-dir for one that is stopped.',
    );
  }
  if (isInUse(dataDir)) {
    if (!(await answers(origin))) throw elsewhere(origin, dataDir);
    return createAdminClient(createHttpTransport(origin, await requireKey(context, options, origin)));
  }
  noteOffline(context, options, dataDir);
  return openOffline(context, loaded);
}

async function openOffline({ env, version }: CliContext, loaded: LoadedConfig): Promise<AdminClient> {
  const { openOfflineTransport } = await import('./offline-transport.ts');
  return createAdminClient(await openOfflineTransport(loaded, { env, version }));
}

/**
 * Scripts are told, too: one that has a key means a running gateway, and would change a folder that no gateway ever reads.
 * The key is not looked at.
 */
function noteOffline({ terminal, env }: CliContext, { keyFile }: SharedOptions, dataDir: string): void {
  const { dim, yellow } = terminal.errorStyle;
  const place = `No gateway uses the data folder ${dataDir}; working on it directly.`;
  const key = keyFile === undefined ? env.TOOLGATE_KEY && 'TOOLGATE_KEY' : '--key-file';
  const unused = `The key in ${key} is not used: for a running gateway, name it with --url or TOOLGATE_URL.`;
  terminal.note(key ? `${yellow('warning:')} ${place} ${unused}` : dim(place));
}

/** Whether a Toolgate answers there. */
export async function answers(origin: string): Promise<boolean> {
  try {
    const response = await fetch(`${origin}/healthz`, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
    return response.ok && ((await response.json()) as { status?: unknown }).status === 'ok';
  } catch {
    return false;
  }
}

const elsewhere = (origin: string, dataDir: string): CliError =>
  new CliError(
    `A gateway uses the data folder ${dataDir}, but does not answer at ${origin}. If it was started with another ` +
      'address, name it with --url or TOOLGATE_URL.',
  );

async function requireKey(context: CliContext, options: SharedOptions, origin: string): Promise<Secret> {
  const key = await readKey(context, options);
  if (key === null) {
    throw new CliError(
      `The gateway at ${origin} needs the key of an owner or administrator, in TOOLGATE_KEY or --key-file. The first ` +
        'one was printed at the very first start. If it is lost: ' +
        REGAIN_ACCESS,
      { data: { code: 'credential_missing' } },
    );
  }
  const { terminal } = context;
  if (isUnprotected(origin)) {
    terminal.note(`${terminal.errorStyle.yellow('warning:')} ${origin} is not https: your key can be read on the way.`);
  }
  return key;
}
