import { Command, Option } from 'commander';
import { examples } from './help-text.ts';
import type { CliContext, CommandDefinition } from './invocation.ts';

/** Which of the shared options mean something to a command: only those stand in its help. */
type Reach = 'gateway' | 'machine' | 'nothing';

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly reach: Reach;
  /** A command is loaded only when it is called: `serve` starts without the others, and they without the gateway. */
  readonly load: () => Promise<CommandDefinition>;
}

const COMMANDS: Readonly<Record<string, readonly Entry[]>> = {
  'Running it': [
    entry('serve', 'start the gateway', 'machine', async () => (await import('./serve.ts')).defineServe),
    entry(
      'doctor',
      'find out what is wrong, and what to do',
      'gateway',
      async () => (await import('./doctor.ts')).defineDoctor,
    ),
    entry('config', 'what can be configured', 'nothing', async () => (await import('./config.ts')).defineConfig),
    entry('whoami', 'show whose key you use', 'gateway', async () => (await import('./whoami.ts')).defineWhoami),
  ],
  'Who may call': [
    entry('user', 'people', 'gateway', async () => (await import('./user.ts')).defineUser),
    entry(
      'service-account',
      'machines and agents of their own',
      'gateway',
      async () => (await import('./service-account.ts')).defineServiceAccount,
    ),
    entry('group', 'groups of users', 'gateway', async () => (await import('./group.ts')).defineGroup),
    entry('key', 'access keys', 'gateway', async () => (await import('./key.ts')).defineKey),
    entry(
      'session',
      'what people allowed agents with OAuth',
      'gateway',
      async () => (await import('./session.ts')).defineSession,
    ),
    entry('idp', 'identity providers', 'gateway', async () => (await import('./idp.ts')).defineIdp),
    entry('client', 'OAuth clients', 'gateway', async () => (await import('./client.ts')).defineClient),
  ],
  'What they may call': [
    entry(
      'upstream',
      'MCP servers behind the gateway',
      'gateway',
      async () => (await import('./upstream.ts')).defineUpstream,
    ),
    entry(
      'connection',
      'accounts at upstreams with OAuth',
      'gateway',
      async () => (await import('./connection.ts')).defineConnection,
    ),
    entry('role', 'what may be called, and by whom', 'gateway', async () => (await import('./role.ts')).defineRole),
    entry('policy', 'why a call is allowed or not', 'gateway', async () => (await import('./policy.ts')).definePolicy),
  ],
  'Looking after it': [
    entry('audit', 'what happened, and proof of it', 'gateway', async () => (await import('./audit.ts')).defineAudit),
    entry('keys', 'what access tokens are signed with', 'gateway', async () => (await import('./keys.ts')).defineKeys),
    entry('vault', 'stored credentials', 'gateway', async () => (await import('./vault.ts')).defineVault),
    entry(
      'export',
      'print what is declared, as YAML',
      'gateway',
      async () => (await import('./export.ts')).defineExport,
    ),
    entry(
      'apply',
      'make it what a YAML file declares',
      'gateway',
      async () => (await import('./apply.ts')).defineApply,
    ),
  ],
};

function entry(name: string, summary: string, reach: Reach, load: Entry['load']): Entry {
  return { name, summary, reach, load };
}

const REACHABLE: Readonly<Record<Reach, readonly string[]>> = {
  gateway: ['--json', '--url', '--key-file', '--config', '--data-dir'],
  machine: ['--json', '--config', '--data-dir'],
  nothing: ['--json'],
};

const DESCRIPTION = `Authentication and authorization gateway for the Model Context Protocol.

Commands work on the running gateway, with the key of an owner or administrator.
When none runs, they work on the data folder of this machine.`;

/** The command line, with its commands as names only until one is called. */
export function createProgram(context: CliContext): Command {
  const { terminal } = context;
  const program = new Command('toolgate')
    .description(DESCRIPTION)
    .usage('<command> [options]')
    .version(context.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help, also of a command')
    .helpCommand(false)
    .addOption(new Option('--json', 'print JSON and nothing else'))
    .addOption(new Option('--url <url>', 'address of the gateway; TOOLGATE_URL'))
    .addOption(new Option('--key-file <file>', 'file with your access key; or TOOLGATE_KEY'))
    .addOption(new Option('--config <file>', 'configuration file; TOOLGATE_CONFIG'))
    .addOption(new Option('--data-dir <folder>', 'data folder; TOOLGATE_DATA_DIR'))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.replace(/\n$/, '')),
      writeErr: (text) => terminal.note(text.replace(/\n$/, '')),
      // Reported by the caller, in the form of every other error.
      outputError: () => {},
      getOutHelpWidth: () => Math.min(terminal.columns ?? 80, 100),
      getErrHelpWidth: () => Math.min(terminal.columns ?? 80, 100),
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      examples('toolgate serve', 'toolgate key create laptop --user ann@example.com', 'toolgate audit tail -f'),
    );

  const loaders = new Map<Command, Entry['load']>();
  for (const [group, entries] of Object.entries(COMMANDS)) {
    program.commandsGroup(`${group}:`);
    for (const { name, summary, reach, load } of entries) {
      const command = program.command(name).description(summary).helpCommand(false);
      command.configureHelp({
        showGlobalOptions: true,
        visibleGlobalOptions: () => program.options.filter(({ long }) => REACHABLE[reach].includes(long!)),
      });
      loaders.set(command, load);
    }
  }
  program.hook('preSubcommand', async (_, command) => {
    const define = await loaders.get(command)!();
    define(command, context);
  });
  return program;
}
