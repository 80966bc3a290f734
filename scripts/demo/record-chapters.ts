import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditEntry } from '../../src/cli/audit-entry.ts';
import { renderTable } from '../../src/cli/table.ts';
import type { Cast } from './cast.ts';
import type { Answer } from './mcp-client.ts';
import { runCommand } from './run-command.ts';

/**
 * Shows the audit log and holds it against what the callers did. Returns the record of the call of `target` that was denied.
 * @param reason why it was, as an administrator was told
 */
export async function everythingIsOnRecord(
  cast: Cast,
  calls: readonly Answer[],
  { target, reason }: { readonly target: string; readonly reason: string },
): Promise<AuditEntry> {
  const { story } = cast;
  story.chapter('What is on record');
  const output = await runCommand(cast, ['audit', 'search', '--limit', '100', '--json'], { lines: 0 });
  const entries = (JSON.parse(output) as AuditEntry[]).reverse();
  story.say(
    renderTable(
      [
        { title: 'WHO', value: ({ principalName }) => principalName ?? '-' },
        { title: 'WITH', value: ({ agentName }) => agentName ?? '-' },
        { title: 'ACTION', value: ({ action }) => action },
        { title: 'WHAT', value: (entry) => [entry.upstream, entry.target].filter(Boolean).join(' '), shrinks: true },
        { title: 'RESULT', value: ({ decision, outcome }) => (decision === 'deny' ? 'denied' : (outcome ?? '')) },
      ],
      entries,
      97,
    ),
  );
  const denials = entries.filter(({ decision }) => decision === 'deny');
  story.say('\nWhy it was denied:');
  story.facts(denials.map((entry) => [entry.target ?? '', entry.reason ?? '']));

  const toolCalls = entries.filter(({ action }) => action === 'tool.call');
  const deniedCalls = toolCalls.filter(({ decision }) => decision === 'deny').length;
  story.proves(
    `all ${calls.length} calls of the callers are there, ${deniedCalls} of them as denied`,
    toolCalls.length === calls.length && deniedCalls === calls.filter(({ error }) => error !== undefined).length,
    toolCalls,
  );
  story.proves(
    'so is the use of the revoked key',
    denials.some(({ action }) => action === 'auth.refused'),
    denials,
  );
  const denied = denials.find((entry) => entry.target === target);
  story.proves('the record gives the true reason, which the caller was not told', denied?.reason === reason, denied);
  return denied!;
}

/** Exports the log, verifies it, changes one bit of the record, and verifies again. */
export async function tamperingShows(cast: Cast, { seq, target }: AuditEntry): Promise<void> {
  const { story, stage } = cast;
  story.chapter('The record cannot be changed unnoticed');
  const save = async (name: string, args: readonly string[]): Promise<Buffer> => {
    const output = Buffer.from(await runCommand(cast, args, { lines: 0, to: ` > ${name}` }));
    await writeFile(join(stage.folder, name), output);
    return output;
  };
  await save('audit.pem', ['audit', 'public-key']);
  const log = await save('audit.jsonl', ['audit', 'export']);
  const verify = ['audit', 'verify', 'audit.jsonl', '--public-key', 'audit.pem'];
  const good = await runCommand(cast, verify);
  story.proves('the export is whole', good.startsWith('ok'), good);

  const byte = log.indexOf(`"target":"${target}"`, log.indexOf(`{"seq":${seq},`)) + '"target":"'.length;
  const before = String.fromCharCode(log[byte]!);
  log[byte]! ^= 1;
  await writeFile(join(stage.folder, 'audit.jsonl'), log);
  const after = String.fromCharCode(log[byte]!);
  story.say(
    `One bit is flipped, in record ${seq}: byte ${byte} of ${log.length} was "${before}" and is now "${after}".`,
  );
  const bad = await runCommand(cast, verify, { expect: 1 });
  story.proves(`the fault is found, and record ${seq} is named`, bad.includes(`record ${seq} `), bad);
}
