import { AppError } from '../../errors/app-error.ts';
import { eraOf } from '../../model/catalogue.ts';
import type { StdioUpstream } from '../../model/upstream.ts';
import { type ResolvedEnvironment, resolveEnvironment } from '../resolve-references.ts';
import type { UpstreamConnection } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import { searchFor, withoutSecrets } from '../without-secrets.ts';
import { Channel } from './channel.ts';
import { createChannelConnection, type OpenChannel, shakeHands } from './channel-connection.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { createLineReader } from './line-reader.ts';
import { type ProcessGroup, startProcessGroup } from './process-group.ts';
import { logStderr } from './stderr-log.ts';

/** Bytes of one message of the server. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** Bytes that wait for a program that does not read. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/**
 * Starts the program of a stdio upstream and shakes hands with it. Its environment is what is configured, with its
 * references filled in, and PATH; its standard error goes to the log. Restarting after it ended is the registry's work.
 * Rejects with AppError.
 */
export async function openStdio(context: StdioContext, options: ConnectionOptions): Promise<UpstreamConnection> {
  const { name, env } = context.upstream;
  const environment = await resolveEnvironment(name, env, context.references);
  const forced = options.revision !== undefined && eraOf(options.revision) === 'legacy';
  const probe = !forced && context.era !== 'legacy';
  let attempt = await start(context, options, environment, probe);
  // Some servers of the old era end when the first thing they get is not `initialize`.
  if (probe && attempt.connection === undefined && attempt.exited) {
    attempt = await start(context, options, environment, false);
  }
  if (attempt.connection === undefined) throw attempt.error;
  if (!forced) context.era = eraOf(attempt.connection.revision);
  return attempt.connection;
}

type StdioContext = UpstreamContext & { readonly upstream: StdioUpstream };
type Attempt =
  | { readonly connection: UpstreamConnection }
  | { readonly connection?: undefined; readonly error: unknown; readonly exited: boolean };

async function start(
  context: StdioContext,
  options: ConnectionOptions,
  environment: ResolvedEnvironment,
  probe: boolean,
): Promise<Attempt> {
  const { command, cwd } = context.upstream;
  const group = startProcessGroup({ command, cwd, env: environment.env });
  logStderr(group.stderr, { log: context.log, secrets: environment.secrets });
  const open = openChannel(context, options, group);
  let exited = false;
  open.ended.then(() => {
    exited = true;
  });
  try {
    const search = searchFor(environment.secrets);
    const handshake = await shakeHands(context, open.channel, options, probe, search);
    const connection = createChannelConnection(context, open, options, handshake);
    return { connection: withoutSecrets(connection, () => search) };
  } catch (error) {
    const byItself = exited;
    await open.close();
    return { error, exited: byItself };
  }
}

function openChannel(context: UpstreamContext, options: ConnectionOptions, group: ProcessGroup): OpenChannel {
  const { name } = context.upstream;
  const channel = new Channel({
    upstream: name,
    shared: options.shared,
    limits: context.limits,
    guard: context.guard,
    log: context.log,
    async write(message) {
      if (group.stdin.writableLength > MAX_UNREAD_BYTES) {
        throw new AppError('upstream_busy', `"${name}" does not read what it is sent. Try again later.`);
      }
      group.stdin.cork();
      group.stdin.write(message);
      group.stdin.write('\n');
      group.stdin.uncork();
    },
  });
  const lines = createLineReader({
    maxBytes: MAX_LINE_BYTES,
    onLine: (line) => channel.receive(line),
    onOversize: (edges) => channel.dropped(edges),
  });
  group.stdout.on('data', (chunk: Buffer) => lines.push(chunk));
  const ended = group.exited.then((why) => {
    const reason = new AppError('upstream_unavailable', `The program of "${name}" ${why}.`);
    channel.end(reason);
    return reason;
  });
  return { channel, ended, close: () => group.end() };
}
