import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamView } from '../../src/cli/upstream-status.ts';
import type { Cast } from './cast.ts';
import { type Answer, createMcpClient, type McpClient } from './mcp-client.ts';
import { everythingIsOnRecord, tamperingShows } from './record-chapters.ts';
import { runCommand } from './run-command.ts';
import type { Ready } from './stage.ts';

/** Two callers, each with a client and its key. */
interface Callers {
  readonly ann: McpClient;
  readonly bot: McpClient;
}

const ROLES = `- name: engineer
  description: Everything but what destroys
  allow: [{ upstream: '*' }]
  deny: [{ upstream: '*', when: { destructive: true } }]
- name: support
  description: Answers tickets, reads notes
  allow:
    - { upstream: tickets, tools: ['search_*', 'reply_*'] }
    - { upstream: notes, tools: ['list_*', 'read_*'] }
`;
const FORBIDDEN = 'tickets__export_customers';
const REASON = 'role support does not allow this tool';

/** The whole tour. Throws at the first thing that does not hold. */
export async function tellStory(cast: Cast): Promise<void> {
  const ready = await gatewayStarts(cast);
  const callers = await peopleGetKeys(cast, ready);
  await listsDiffer(cast, callers);
  const calls = await callsAreDecided(cast, callers);
  await credentialsStayApart(cast, callers);
  calls.push(await keyIsRevoked(cast, callers));
  const denied = await everythingIsOnRecord(cast, calls, { target: 'export_customers', reason: REASON });
  await tamperingShows(cast, denied);
}

async function gatewayStarts(cast: Cast): Promise<Ready> {
  const { story, stage, tickets, upstreamKey } = cast;
  story.chapter('One gateway, two MCP servers behind it');
  const ready = await stage.startGateway();
  story.facts([
    ['gateway', `${ready.endpoint}, ready after ${Math.round(ready.readyMs)} ms`],
    ['notes', 'the example server, a program that the gateway starts (stdio)'],
    ['tickets', `${tickets.url} (HTTP); it wants a key of its own from whoever calls`],
  ]);
  await runCommand(cast, ['upstream', 'add', 'tickets', tickets.url, '--header', 'Authorization'], { lines: 1 });
  const env = { TICKETS_KEY: `Bearer ${upstreamKey}` };
  await runCommand(cast, ['upstream', 'credential', 'tickets', '--value-env', 'TICKETS_KEY'], { env, lines: 1 });
  const upstreams = await upstreamsWhenReady(ready);
  story.proves(
    upstreams.map(({ name, status }) => `${name} is ${status?.state} with ${status?.tools} tools`).join(', '),
    upstreams.every(({ status }) => status?.state === 'ready' && status.tools > 0),
    upstreams,
  );
  return ready;
}

/** The gateway connects to its upstreams beside everything else; this waits until none is starting any more. */
async function upstreamsWhenReady({ url, ownerKey }: Ready): Promise<UpstreamView[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const response = await fetch(`${url}/api/v1/upstreams`, { headers: { authorization: `Bearer ${ownerKey}` } });
    const { items } = (await response.json()) as { items: UpstreamView[] };
    if (items.every(({ status }) => status?.state === 'ready') || performance.now() > deadline) return items;
    await sleep(50);
  }
}

async function peopleGetKeys(cast: Cast, { endpoint, ownerKey }: Ready): Promise<Callers> {
  const { story, stage } = cast;
  story.chapter('An engineer and a support agent, each with a role and a key');
  await writeFile(join(stage.folder, 'roles.yaml'), ROLES);
  story.command('cat roles.yaml', ROLES.trimEnd());
  await runCommand(cast, ['role', 'apply', '-f', 'roles.yaml']);
  await runCommand(cast, ['user', 'add', 'ann@example.com', '--role', 'engineer'], { lines: 1 });
  await runCommand(cast, ['service-account', 'add', 'support-agent', '--role', 'support'], { lines: 1 });
  const create = async (...args: string[]): Promise<string> => {
    const output = await runCommand(cast, ['key', 'create', ...args, '--json'], { lines: 0 });
    return (JSON.parse(output) as { key: string }).key;
  };
  const ann = createMcpClient(endpoint, await create('laptop', '--user', 'ann@example.com'));
  const bot = createMcpClient(endpoint, await create('helpdesk', '--service-account', 'support-agent'));
  story.facts([
    ['ann@example.com', hint(ann.key)],
    ['support-agent', hint(bot.key)],
  ]);
  const kept = [ann.key, bot.key, ownerKey].map((key) => stage.holds(key));
  story.proves('no file of the data folder holds a key, only hashes', !(await Promise.all(kept)).includes(true));
  return { ann, bot };
}

async function listsDiffer({ story }: Cast, { ann, bot }: Callers): Promise<void> {
  story.chapter('Both ask for the tools; each sees what it may call');
  const [hers, its] = await Promise.all([ann.listTools(), bot.listTools()]);
  const [ofAnn, ofBot] = [hers, its].map((tools) => tools.map(({ name }) => name)) as [string[], string[]];
  story.facts([
    ['ann@example.com', ofAnn.join('  ')],
    ['support-agent', ofBot.join('  ')],
  ]);
  const more = ofAnn.filter((tool) => !ofBot.includes(tool));
  story.proves(
    `${ofBot.length} tools for the agent, all of which the engineer has too, and ${more.length} more for her`,
    ofBot.length > 0 && more.length > 0 && ofBot.every((tool) => ofAnn.includes(tool)),
  );
  story.proves(
    'neither is shown a tool that destroys, such as tickets__delete_ticket',
    ![...hers, ...its].some(({ annotations }) => annotations?.destructiveHint),
  );
}

async function callsAreDecided(cast: Cast, { ann, bot }: Callers): Promise<Answer[]> {
  const { story, tickets } = cast;
  story.chapter('One call is allowed, one is not');
  const allowed = await bot.call('tickets__reply_to_ticket', { id: 'T-17' });
  const note = await ann.call('notes__read_note', { title: 'welcome' });
  story.facts([
    ['agent calls tickets__reply_to_ticket', textOf(allowed)],
    ['ann calls notes__read_note', textOf(note)],
  ]);
  story.proves(
    'both were answered by the servers themselves',
    allowed.result !== undefined && note.result !== undefined,
    [allowed, note],
  );

  const denied = await bot.call(FORBIDDEN);
  const unknown = await bot.call('tickets__no_such_tool');
  story.facts([
    [`agent calls ${FORBIDDEN}`, `error ${denied.error?.code}: ${denied.error?.message}`],
    ['agent calls tickets__no_such_tool', `error ${unknown.error?.code}: ${unknown.error?.message}`],
  ]);
  const anonymous = ({ status, error }: Answer, name: string): string =>
    `${status} ${error?.code} ${error?.message} ${error?.data.code}`.replaceAll(name, 'NAME');
  story.proves(
    'a forbidden tool and one that does not exist look the same to the caller',
    denied.error !== undefined && anonymous(denied, FORBIDDEN) === anonymous(unknown, 'tickets__no_such_tool'),
    [denied, unknown],
  );
  story.proves(
    'nothing of the denied calls reached the tickets server',
    !tickets.arrivals.some(({ tool }) => tool === 'export_customers' || tool === 'no_such_tool'),
    tickets.arrivals,
  );
  const question = ['policy', 'explain', '--service-account', 'support-agent', '--tool', FORBIDDEN];
  const why = await runCommand(cast, question, { lines: 2, expect: 1 });
  story.proves('an administrator is told why', why.includes(REASON), why);
  return [allowed, note, denied, unknown];
}

async function credentialsStayApart(
  { story, stage, tickets, upstreamKey }: Cast,
  { ann, bot }: Callers,
): Promise<void> {
  story.chapter('Which key the tickets server got');
  const last = tickets.arrivals.findLast(({ tool }) => tool === 'reply_to_ticket');
  story.facts([
    ['the agent sent', `Authorization: Bearer ${hint(bot.key)}`],
    ['the server received', `Authorization: ${last?.authorization}`],
  ]);
  const { length } = tickets.arrivals;
  const own = tickets.arrivals.filter(({ authorization }) => authorization === `Bearer ${upstreamKey}`).length;
  story.proves(
    `all ${length} requests came with the key from the vault`,
    own === length && length > 0,
    tickets.arrivals,
  );
  story.proves(
    'none carried a key of a caller in any header',
    !tickets.arrivals.some(({ headers }) => headers.includes(ann.key) || headers.includes(bot.key)),
  );
  story.proves('on disk that key is nowhere in the clear', !(await stage.holds(upstreamKey)));
}

async function keyIsRevoked(cast: Cast, { ann, bot }: Callers): Promise<Answer> {
  const { story } = cast;
  story.chapter('A key is revoked');
  const before = await bot.call('tickets__search_tickets');
  await runCommand(cast, ['key', 'revoke', 'helpdesk']);
  const after = await bot.call('tickets__search_tickets');
  story.facts([
    ['its call before', `HTTP ${before.status}  ${textOf(before)}`],
    ['its call after', `HTTP ${after.status}  ${after.error?.message}`],
  ]);
  story.proves(
    'the very next call is refused, with a challenge',
    before.result !== undefined && after.status === 401 && after.challenge?.startsWith('Bearer ') === true,
    [before, after],
  );
  const other = await ann.listTools();
  story.proves('the other key still works', other.length > 0);
  return before;
}

const textOf = ({ status, result, error }: Answer): string =>
  result?.content?.map(({ text }) => text).join(' ') ?? `HTTP ${status}: ${error?.message}`;

/** What may be shown of a key. */
const hint = (key: string): string => `${key.slice(0, 8)}…`;
