import { localUrl } from '../config/config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { Secret } from '../lib/secret.ts';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';
import { isDataFolder, isInUse } from './data-folder.ts';
import { createHttpTransport, isUnprotected, readGatewayUrl } from './http-transport.ts';
import type { CliContext, SharedOptions } from './invocation.ts';
import { loadLocalConfig } from './load-local-config.ts';
import { readKey } from './read-key.ts';

/**
 * The admin API that a command works on. An address that was given is taken as it is. Otherwise it is the gateway of the
 * local configuration; and when nobody uses its data folder, the API in this process, as the user of this machine.
 */
export async function connectAdmin(context: CliContext, options: SharedOptions): Promise<AdminClient> {
  const { env, terminal } = context;
  const given = options.url ?? (env.TOOLGATE_URL || undefined);
  if (given !== undefined) {
    const origin = readGatewayUrl(options.url === undefined ? 'TOOLGATE_URL' : '--url', given);
    return createAdminClient(createHttpTransport(origin, await requireKey(context, options, origin)));
  }
  const loaded = await loadLocalConfig(context, options);
  const { dataDir, listen } = loaded.config;
  const origin = localUrl(connectHost(listen.host), listen.port);
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
  if (terminal.interactive && !options.json) {
    terminal.note(terminal.errorStyle.dim(`No gateway runs; working on ${dataDir}`));
  }
  return openOffline(context, loaded);
}

async function openOffline({ env, version }: CliContext, loaded: LoadedConfig): Promise<AdminClient> {
  const { openOfflineTransport } = await import('./offline-transport.ts');
  return createAdminClient(await openOfflineTransport(loaded, { env, version }));
}

/** A listener on every address of the machine is reached by the loopback one. */
export function connectHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
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
        'one was printed at the very first start. If it is lost: stop the gateway, run `toolgate key create --user owner` ' +
        'on its machine, and start it again.',
      { data: { code: 'credential_missing' } },
    );
  }
  const { terminal } = context;
  if (isUnprotected(origin)) {
    terminal.note(`${terminal.errorStyle.yellow('warning:')} ${origin} is not https: your key can be read on the way.`);
  }
  return key;
}
