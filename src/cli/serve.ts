import { type App, startApp } from '../app/app.ts';
import { ConfigError, formatFault } from '../config/fault.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { SETTINGS } from '../config/settings.ts';
import { CliError } from './cli-error.ts';
import { isDataFolder, isInUse } from './data-folder.ts';
import { firstStartBanner, openWarning, readyMessage } from './first-start-banner.ts';
import { writeFirstConfig } from './first-config.ts';
import { action, type CommandDefinition, examples, type Invocation } from './invocation.ts';
import { loadLocalConfig } from './load-local-config.ts';

/** Calls under way get this long when the gateway is told to stop. */
const DRAIN_MS = 30_000;
/** Beyond the drain, for closing databases and ending programs. */
const CLOSE_MS = DRAIN_MS + 5_000;
/** Ctrl-C reaches a program that npm started twice: from the terminal and from npm. That is one wish to stop. */
const SAME_SIGNAL_MS = 500;

/** Settings with a flag that is shared by all commands. */
const SHARED_FLAGS = new Set(['data-dir']);

export const defineServe: CommandDefinition = (command, context) => {
  command.option('--config <file>', 'configuration file; TOOLGATE_CONFIG');
  for (const { flag, kind, description, default: initial } of SETTINGS) {
    if (kind === 'structure') continue;
    const shown = initial === undefined ? firstSentence(description) : `${firstSentence(description)} (${plain(initial)})`;
    command.option(`--${flag} <${kind === 'list' ? 'list' : 'value'}>`, plain(shown));
  }
  command
    .addHelpText(
      'after',
      `\nEvery setting can also stand in toolgate.yaml, or in the environment: --audit-mode is TOOLGATE_AUDIT_MODE.
SIGTERM and Ctrl-C let calls under way finish (up to 30 s); SIGHUP reads the configuration again.${examples(
        'toolgate serve',
        'toolgate serve --port 9000 --data-dir /var/lib/toolgate',
        'toolgate serve --config toolgate.yaml --public-url https://mcp.example.com',
      )}`,
    )
    .action(action(context, serve));
};

const firstSentence = (text: string): string => /^.*?[.:](?= |$)/s.exec(text)?.[0].replace(/[.:]$/, '') ?? text;
const plain = (text: string): string => text.replaceAll('`', '');

async function serve(invocation: Invocation<Record<string, unknown>>): Promise<void> {
  const { terminal, env, version, options } = invocation;
  const { json, url: _url, keyFile: _keyFile, config, dataDir, ...flags } = options;
  const load = () => loadLocalConfig(invocation, { config, dataDir } as never, flags);
  const loaded = await loadOrCreate(load);
  for (const warning of loaded.warnings) {
    terminal.note(`${terminal.errorStyle.yellow('warning:')}\n${formatFault(warning)}`);
  }
  const app = await startApp(loaded, { env, version });
  try {
    if (json) announceJson(invocation, app);
    else announce(invocation, app, loaded);
    await untilStopped(invocation, app, load);
  } finally {
    // Whatever still keeps the process alive after everything was closed must not keep it for long.
    setTimeout(() => process.exit(), 2_000).unref();
  }
}

/** The configuration; at the very first start without any, with a file that declares the example upstream. */
async function loadOrCreate(load: () => Promise<LoadedConfig>): Promise<LoadedConfig> {
  const loaded = await load();
  const { dataDir } = loaded.config;
  if ((await isDataFolder(dataDir)) && isInUse(dataDir)) {
    throw new CliError(`Another gateway uses the data folder ${dataDir}. Stop it, or name another one with --data-dir.`);
  }
  if (loaded.file !== undefined) return loaded;
  try {
    return (await writeFirstConfig(dataDir)) === null ? loaded : await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof ConfigError || code === undefined) throw error;
    throw new CliError(
      `The data folder ${dataDir} cannot be used: ${message}. Let this user write there, or name another one with --data-dir.`,
      { cause: error },
    );
  }
}

function announce({ terminal, version }: Invocation, app: App, { file }: LoadedConfig): void {
  const { url, firstAccounts, config } = app;
  const { dataDir } = config;
  const openToAll = config.auth === 'none';
  if (firstAccounts === null) {
    terminal.print(readyMessage({ url, version, dataDir, openToAll }, terminal.style));
    return;
  }
  if (openToAll) terminal.print(openWarning(terminal.style.red));
  terminal.print(firstStartBanner({ url, ...firstAccounts, dataDir, configFile: file, version }, terminal.style));
}

/** One line, for scripts that start a gateway. */
function announceJson({ terminal, version }: Invocation, { url, config, firstAccounts }: App): void {
  const keys = firstAccounts && {
    ownerKey: firstAccounts.ownerKey.reveal(),
    serviceKey: firstAccounts.serviceKey.reveal(),
  };
  const ready = { ready: true, version, url, endpoint: `${url}/mcp`, dataDir: config.dataDir, ...keys };
  terminal.print(JSON.stringify(ready));
}

/** Resolves when a signal has stopped the gateway in order. */
async function untilStopped(invocation: Invocation, app: App, load: () => Promise<LoadedConfig>): Promise<void> {
  const { terminal } = invocation;
  let reloading = Promise.resolve();
  const onHangup = (): void => {
    reloading = reloading.then(() => reload(invocation, app, load));
  };
  process.on('SIGHUP', onHangup);

  const stop = Promise.withResolvers<void>();
  let stoppedAt: number | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (stoppedAt === undefined) {
      stoppedAt = now;
      stop.resolve();
    } else if (now - stoppedAt >= SAME_SIGNAL_MS) {
      terminal.note(`Stopped at once by a second ${signal}; calls under way were cut off.`);
      process.exit(1);
    }
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  await stop.promise;

  terminal.note('Stopping: calls under way may finish. A second signal stops at once.');
  process.off('SIGHUP', onHangup);
  await reloading;
  const late = setTimeout(() => {
    terminal.note(`The gateway did not stop within ${CLOSE_MS / 1000} s.`);
    process.exit(1);
  }, CLOSE_MS);
  await app.close(DRAIN_MS);
  clearTimeout(late);
}

/** A configuration with faults changes nothing: the gateway goes on with what it has. */
async function reload({ terminal }: Invocation, app: App, load: () => Promise<LoadedConfig>): Promise<void> {
  try {
    const loaded = await load();
    for (const warning of loaded.warnings) terminal.note(`warning:\n${formatFault(warning)}`);
    const waiting = await app.reload(loaded);
    const rest = waiting.length === 0 ? '' : ` These take effect at the next start: ${waiting.join(', ')}.`;
    terminal.note(`The configuration was read again.${rest}`);
  } catch (error) {
    terminal.note(`The configuration was not read again; the gateway goes on with what it has. ${(error as Error).message}`);
  }
}
