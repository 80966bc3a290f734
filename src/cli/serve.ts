import { type App, startApp } from '../app/app.ts';
import type { Config } from '../config/config.ts';
import { formatFault } from '../config/fault.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { SETTINGS } from '../config/settings.ts';
import { CliError } from './cli-error.ts';
import { isDataFolder, isInUse } from './data-folder.ts';
import { dialUrl } from './dial-url.ts';
import { writeFirstConfig } from './first-config.ts';
import { firstStartBanner, openWarning, readyMessage } from './first-start-banner.ts';
import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { loadLocalConfig } from './load-local-config.ts';
import { releaseStartMemory } from './release-start-memory.ts';
import { type Signals, watchSignals } from './watch-signals.ts';

/** Calls under way get this long when the gateway is told to stop. */
const DRAIN_MS = 30_000;
/** So long it says that it stops before it does. */
const NOTICE_MS = 250;
/** Beyond the drain, for closing databases and ending programs. */
const CLOSE_MS = DRAIN_MS + 5_000;
const EXIT_MS = 2_000;

/** Flags of settings that every command takes. */
const SHARED_FLAGS = new Set(['data-dir']);

export const defineServe: CommandDefinition = (command, context) => {
  for (const setting of SETTINGS) {
    if (setting.kind === 'structure' || SHARED_FLAGS.has(setting.flag)) continue;
    command.option(`--${setting.flag} <${setting.kind === 'list' ? 'list' : 'value'}>`, helpOf(setting));
  }
  // The names of the flags leave little room beside them.
  command.configureHelp({ ...command.configureHelp(), minWidthToWrap: 20 });
  command
    .addHelpText(
      'after',
      explained(
        `Every setting can also stand in toolgate.yaml, or in the environment: --audit-mode is TOOLGATE_AUDIT_MODE.
SIGTERM and Ctrl-C let calls under way finish (up to 30 s); SIGHUP reads the configuration again.`,
        'toolgate serve',
        'toolgate serve --port 9000 --data-dir /var/lib/toolgate',
        'toolgate serve --config toolgate.yaml --public-url https://mcp.example.com',
      ),
    )
    .action(action(context, serve));
};

/** What the docs say in several sentences, in one line. */
function helpOf({ description, type, default: initial }: (typeof SETTINGS)[number]): string {
  // A choice describes itself by what can be chosen.
  const text =
    /^`\w+`, `/.test(type) && /^`/.test(description) ? type : /^.*?[.:](?= |$)/s.exec(description)![0].slice(0, -1);
  return `${text}${initial === undefined ? '' : ` (${initial})`}`.replaceAll('`', '');
}

async function serve(invocation: Invocation): Promise<void> {
  const { terminal, env, version, options } = invocation;
  const { json, url, keyFile, ...settings } = options;
  const load = () => loadLocalConfig(invocation, settings, settings);
  const loaded = await loadOrCreate(load);
  for (const warning of loaded.warnings) {
    terminal.note(`${terminal.errorStyle.yellow('warning:')}\n${formatFault(warning)}`);
  }
  const signals = watchSignals(terminal);
  try {
    const app = await startApp(loaded, { env, version, logIsTerminal: terminal.errorIsTerminal });
    if (json) announceJson(invocation, app);
    else await announce(invocation, app, loaded);
    releaseStartMemory();
    await untilStopped(invocation, app, load, signals);
  } finally {
    // Whatever still keeps the process alive, although everything was closed, must not keep it for long.
    setTimeout(() => process.exit(), EXIT_MS).unref();
  }
}

/** The configuration; at the very first start without any, with a file that declares the example upstream. */
async function loadOrCreate(load: () => Promise<LoadedConfig>): Promise<LoadedConfig> {
  const loaded = await load();
  const { dataDir } = loaded.config;
  if (await isDataFolder(dataDir)) {
    if (!isInUse(dataDir)) return loaded;
    throw new CliError(
      `Another gateway uses the data folder ${dataDir}. Stop it, or name another one with --data-dir.`,
    );
  }
  if (loaded.file !== undefined) return loaded;
  try {
    await writeFirstConfig(dataDir);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EACCES' ? 'this user may not create it' : message;
    throw new CliError(
      `The data folder ${dataDir} cannot be used: ${why}. Let this user write there, or name another one with --data-dir.`,
      { cause },
    );
  }
  return load();
}

async function announce(invocation: Invocation, app: App, { file }: LoadedConfig): Promise<void> {
  const { terminal, version } = invocation;
  const { url, firstAccounts, config } = app;
  const { dataDir } = config;
  const openToAll = config.auth === 'none';
  if (firstAccounts === null) {
    terminal.print(readyMessage({ url, version, dataDir, openToAll }, terminal.style));
    return;
  }
  if (openToAll) terminal.print(openWarning(terminal.style.red));
  const { enabled, localAccounts } = config.oauth;
  const setupUrl = enabled && localAccounts ? `${url}/setup/${firstAccounts.ownerSetupToken.reveal()}` : null;
  const start = {
    url,
    ...firstAccounts,
    setupUrl,
    dataDir,
    configFile: file,
    version,
    commandUrl: await commandUrl(invocation, config),
  };
  terminal.print(firstStartBanner(start, terminal.style));
}

/** The address of the gateway, unless a command without any option finds it by itself: then null. */
async function commandUrl(invocation: Invocation, config: Config): Promise<string | null> {
  const url = dialUrl(config);
  try {
    const { config: found } = await loadLocalConfig(invocation, {});
    return dialUrl(found) === url && found.dataDir === config.dataDir ? null : url;
  } catch {
    // A file that is not the one of this gateway, and has faults. With an address, most commands do not read it.
    return url;
  }
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
async function untilStopped(
  invocation: Invocation,
  app: App,
  load: () => Promise<LoadedConfig>,
  signals: Signals,
): Promise<void> {
  const { terminal } = invocation;
  let reloading = Promise.resolve();
  signals.onReload(() => {
    reloading = reloading.then(() => reload(invocation, app, load));
  });
  await signals.stop;

  terminal.note('Stopping: calls under way may finish. A second signal stops at once.');
  signals.onReload(() => {});
  await reloading;
  const late = setTimeout(() => {
    terminal.note(`The gateway did not stop within ${CLOSE_MS / 1000} s.`);
    process.exit(1);
  }, CLOSE_MS);
  await app.close(DRAIN_MS, NOTICE_MS);
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
    terminal.note(
      `The configuration was not read again; the gateway goes on with what it has. ${(error as Error).message}`,
    );
  }
}
