/**
 * A stdio MCP server, to be run as a program: `node upstream-stdio.ts [--option=value …]`.
 *
 *   --modern             speaks 2026-07-28 (else 2025-11-25)
 *   --record=FILE        appends every line it gets, and its environment as the first line
 *   --strict-initialize  exits when the first message is not `initialize`
 *   --silent-probe       does not answer server/discover
 *   --no-handshake       answers nothing at all
 *   --ignore-sigterm     can only be killed; does not mind the end of its input either
 *   --child              starts a child of its own that lives on
 *   --stderr=TEXT        prints this, with $NAME from its environment, to standard error
 *   --exit-after=N       exits at the Nth tools/call
 *   --noise              prints a line that is no message before every answer
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createBehaviour, text } from './upstream-behaviour.ts';

const options = new Map<string, string | undefined>(
  process.argv.slice(2).map((argument) => {
    const [, name, value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument)!;
    return [name!, value];
  }),
);
const modern = options.has('modern');
const recordFile = options.get('record');
const record = (line: string): void => {
  if (recordFile !== undefined) appendFileSync(recordFile, `${line}\n`);
};
const behaviour = createBehaviour();
const cancellations = new Map<unknown, AbortController>();
const asked = new Map<unknown, (answer: unknown) => void>();
let lastAsked = 1000;
let calls = 0;
let first = true;

const send = (message: object): void => {
  if (options.has('noise')) process.stdout.write('this is not a message\n');
  process.stdout.write(`${JSON.stringify(message)}\n`);
};
const notify = (method: string, params?: object): void => send({ jsonrpc: '2.0', method, ...(params && { params }) });

record(JSON.stringify({ env: process.env, pid: process.pid, cwd: process.cwd() }));
if (options.has('ignore-sigterm')) {
  process.on('SIGTERM', () => record('SIGTERM'));
  setInterval(() => {}, 1000);
}
if (options.has('child')) {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
  record(JSON.stringify({ childPid: child.pid }));
}
const words = options.get('stderr');
if (words !== undefined)
  process.stderr.write(`${words.replace(/\$(\w+)/g, (_, name: string) => process.env[name] ?? '')}\n`);

behaviour.tools.push(
  {
    definition: { name: 'crash', inputSchema: { type: 'object' } },
    call: () => process.exit(3),
  },
  {
    definition: { name: 'big', inputSchema: { type: 'object' } },
    call: (args) => text('x'.repeat(args.bytes)),
  },
  {
    definition: { name: 'announce', inputSchema: { type: 'object' } },
    call(args) {
      notify(args.method, args.params);
      return text('announced');
    },
  },
);

// biome-ignore lint/suspicious/noExplicitAny: a fake takes whatever it is sent
async function handle(message: any): Promise<void> {
  if (message.method === 'notifications/cancelled') cancellations.get(message.params.requestId)?.abort();
  if (message.method === undefined) asked.get(message.id)?.(message.result ?? message.error);
  if (message.id === undefined || message.method === undefined) return;
  const { capabilities, instructions } = behaviour;
  const serverInfo = { name: 'stdio-fake', version: '1' };
  if (options.has('no-handshake') || (options.has('silent-probe') && message.method === 'server/discover')) return;
  if (modern && message.method === 'server/discover') {
    const _meta = { 'io.modelcontextprotocol/serverInfo': serverInfo };
    send({
      jsonrpc: '2.0',
      id: message.id,
      result: { supportedVersions: ['2026-07-28'], capabilities, instructions, _meta },
    });
    return;
  }
  if (modern && message.method === 'subscriptions/listen') {
    const _meta = { 'io.modelcontextprotocol/subscriptionId': message.id };
    notify('notifications/subscriptions/acknowledged', { _meta, notifications: message.params.notifications });
    notify('notifications/tools/list_changed', { _meta });
    return;
  }
  if (!modern && message.method === 'initialize') {
    const protocolVersion = message.params.protocolVersion;
    send({ jsonrpc: '2.0', id: message.id, result: { protocolVersion, capabilities, serverInfo, instructions } });
    return;
  }
  if (message.method === 'tools/call' && ++calls === Number(options.get('exit-after'))) process.exit(4);
  // Not listed: answers with the given line, where ID stands for the id that it was called with.
  if (message.params?.name === 'raw') {
    process.stdout.write(`${message.params.arguments.line.replaceAll('ID', String(message.id))}\n`);
    return;
  }
  const controller = new AbortController();
  cancellations.set(message.id, controller);
  const outcome = await behaviour.handle(message, {
    notify,
    ask(method, params) {
      const id = ++lastAsked;
      send({ jsonrpc: '2.0', id, method, params });
      return new Promise((resolve) => asked.set(id, resolve));
    },
    signal: controller.signal,
  });
  cancellations.delete(message.id);
  send({ jsonrpc: '2.0', id: message.id, ...outcome });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  record(line);
  const message = JSON.parse(line);
  if (first && options.has('strict-initialize') && message.method !== 'initialize') process.exit(5);
  first = false;
  void handle(message);
});
