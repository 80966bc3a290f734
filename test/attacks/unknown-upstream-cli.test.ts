/**
 * On the command line, too, whoever may not use an upstream learns nothing of it: not whether it is there, nor how it is
 * doing. The commands print what the admin API says, and that says the same of one that is down and one that never was.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { createFolder, toolgate } from '../flows/cli-process.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let gateway: PeopledGateway<'outsider' | 'admin'>;
const ends: (() => Promise<unknown>)[] = [];

before(async () => {
  folder = await createFolder();
  const upstream = await startModernUpstream();
  const dead = await startModernUpstream();
  await dead.close();
  gateway = await startWithPeople({
    people: {
      outsider: { allow: [{ upstream: 'open', tools: ['echo'] }] },
      admin: { roles: ['admin'] },
    },
    config: {
      upstreams: [
        { name: 'open', url: upstream.url },
        { name: 'down', url: dead.url },
        { name: 'live', url: upstream.url },
      ],
    },
  });
  ends.push(gateway.close, upstream.close, folder.remove);
});

after(async () => {
  for (const end of ends) await end();
});

/** What somebody reads who names this upstream in a command, without the name. */
async function told(who: 'outsider' | 'admin', words: readonly string[], name: string): Promise<string> {
  const env = { TOOLGATE_URL: gateway.url, TOOLGATE_KEY: gateway.keys[who], SECRET: 'x' };
  const { code, stdout, stderr } = await toolgate(
    words.map((word) => word.replace('NAME', name)),
    { cwd: folder.path, env },
  );
  return `${code}\n${stdout}\n${stderr}`.replaceAll(name, '…').replaceAll(/req_\w+/g, 'req');
}

const COMMANDS: readonly (readonly string[])[] = [
  ['upstream', 'list'],
  ['upstream', 'test', 'NAME'],
  ['upstream', 'remove', 'NAME', '--yes'],
  ['upstream', 'credential', 'NAME', 'x-token', '--value-env', 'SECRET'],
  ['upstream', 'credential', 'NAME', 'x-token', '--value-env', 'SECRET', '--mine'],
  ['upstream', 'credential', 'NAME', '--list'],
  ['policy', 'explain', '--user', 'outsider', '--tool', 'NAME__echo'],
  ['audit', 'search', '--upstream', 'NAME'],
  ['whoami'],
];

for (const words of COMMANDS) {
  test(`toolgate ${words.join(' ')}: one that is down, one that works and none at all are told alike`, async () => {
    const answers = await Promise.all(['down', 'live', 'nope'].map((name) => told('outsider', words, name)));
    assert.equal(new Set(answers).size, 1, answers.join('\n---\n'));
    assert.doesNotMatch(answers[0]!, /unreachable|ECONNREFUSED|breaker|ready|127\.0\.0\.1:\d+\/mcp/);
  });
}

test('an administrator is told the difference, so that there is one to be hidden', async () => {
  const [down, nope] = await Promise.all(
    ['down', 'nope'].map((name) => told('admin', ['upstream', 'test', 'NAME'], name)),
  );
  assert.notEqual(down, nope);
});
