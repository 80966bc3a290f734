import { stringify } from 'yaml';
import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import type { AdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';
import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { GROUPS, lookupPrincipal, type Named, type PrincipalOptions, SERVICE_ACCOUNTS, USERS } from './lookup.ts';
import { lookupKey } from './lookup-key.ts';

interface ExplainOptions extends PrincipalOptions {
  readonly key?: string;
  readonly upstream?: string;
  readonly tool?: string;
  readonly prompt?: string;
  readonly resource?: string;
}

interface Explanation {
  readonly allowed: boolean;
  readonly reason: string;
  readonly checks: readonly { readonly check: string; readonly passed: boolean; readonly reason: string }[];
  readonly rules: readonly { readonly id: string; readonly effect: 'permit' | 'forbid'; readonly reason: string }[];
  readonly roles: readonly string[];
  readonly unknownRoles: readonly string[];
  readonly rolesThatWouldAllow: readonly { readonly role: string; readonly everything: boolean }[];
  readonly newRole: { readonly name: string; readonly allow: readonly object[] } | null;
}

export const definePolicy: CommandDefinition = (command, context) => {
  command
    .command('explain')
    .description('may X call Y? With the rule that decides, and whom to ask')
    .option('--user <name>', 'who calls')
    .option('--service-account <name>', 'who calls')
    .option('--key <key>', 'with this access key: id, first characters or name')
    .option('--upstream <name>', 'what is called')
    .option('--tool <name>', 'its tool; jira__create_issue names the upstream as well')
    .option('--prompt <name>', 'its prompt')
    .option('--resource <uri>', 'its resource')
    .addHelpText(
      'after',
      explained(
        'The exit code is 0 for yes and 1 for no. Nothing is called.',
        'toolgate policy explain --user ann@example.com --upstream jira --tool create_issue',
        'toolgate policy explain --service-account ci --key tgs_8Xq2 --tool jira__create_issue',
      ),
    )
    .action(action<ExplainOptions, []>(context, explain));
};

async function explain(invocation: Invocation<ExplainOptions>): Promise<void> {
  const { options } = invocation;
  const target = targetOf(options);
  const api = await invocation.api();
  const { kind, id, name } = await lookupPrincipal(api, options);
  const key = options.key === undefined ? undefined : (await lookupKey(api, options.key)).id;
  const found = await api.send<Explanation>('POST', '/policy/explain', {
    principal: { kind, id },
    ...(key !== undefined && { key }),
    ...target,
  });
  if (!found.allowed) invocation.outcome.exitCode = 1;
  const administrators = found.allowed ? [] : await administratorsOf(api);
  const what = `${target.upstream} ${target.tool ?? target.prompt ?? target.resource}`;
  const option = `${kind === 'user' ? '--user' : '--service-account'} ${name}`;
  invocation.show({ ...found, administrators }, () =>
    describe(invocation, found, { who: name, what, option, administrators }),
  );
}

function targetOf({ upstream, tool, prompt, resource }: ExplainOptions) {
  if ([tool, prompt, resource].filter((one) => one !== undefined).length !== 1) {
    throw new CliError('Say what is called: --tool, --prompt or --resource, one of them.', { exitCode: 2 });
  }
  if (upstream !== undefined) {
    const prefix = `${upstream}__`;
    return { upstream, tool: tool?.startsWith(prefix) ? tool.slice(prefix.length) : tool, prompt, resource };
  }
  // As the tool is called on /mcp; the name of an upstream has no underscore.
  const combined = /^([a-z0-9-]{1,32})__(.+)$/s.exec(tool ?? prompt ?? '');
  if (combined === null) throw new CliError('Say of which upstream: --upstream.', { exitCode: 2 });
  const rest = combined[2]!;
  return tool === undefined ? { upstream: combined[1]!, prompt: rest } : { upstream: combined[1]!, tool: rest };
}

interface Subject {
  readonly who: string;
  readonly what: string;
  readonly option: string;
  readonly administrators: readonly string[];
}

function describe(
  { terminal }: Invocation,
  found: Explanation,
  { who, what, option, administrators }: Subject,
): string {
  const { bold, green, red, dim } = terminal.style;
  const { allowed, reason, checks, rules, unknownRoles, roles } = found;
  const lines = [
    allowed ? `${green(bold('yes'))}  ${who} may call ${what}` : `${red(bold('no'))}   ${who} may not call ${what}`,
    `     ${escapeUnprintable(reason)}`,
    // The reason names the first one already.
    ...rules
      .slice(1)
      .map(
        ({ id, effect }) => `     rule ${escapeUnprintable(id)} ${effect === 'permit' ? 'allows' : 'denies'} it, too`,
      ),
    '',
    ...checks.map(({ check, passed, reason: why }) =>
      dim(`     ${passed ? '✓' : '✗'} ${check.padEnd(9)}  ${escapeUnprintable(why)}`),
    ),
    dim(`       roles      ${roles.join(', ') || 'none'}`),
  ];
  if (unknownRoles.length > 0)
    lines.push(`     These roles are defined nowhere and allow nothing: ${unknownRoles.join(', ')}`);
  if (allowed) return lines.join('\n');
  lines.push('', `Ask an administrator: ${administrators.join(', ') || 'there is none; work on the data folder'}`);
  return [...lines, ...remedyOf(found, option)].join('\n');
}

/** The narrowest role that is there; where there is none but for everything, how to write one. */
function remedyOf({ rolesThatWouldAllow, newRole, rules, checks }: Explanation, option: string): string[] {
  const [narrowest, ...others] = rolesThatWouldAllow;
  if (narrowest !== undefined && (newRole === null || !narrowest.everything)) {
    const more = others.length === 0 ? [] : [`So would the roles: ${others.map(({ role }) => role).join(', ')}`];
    return [`This would allow it: toolgate role assign ${narrowest.role} ${option}`, ...more];
  }
  if (newRole !== null) {
    const broad = rolesThatWouldAllow.map(({ role }) => role).join(', ');
    return [
      narrowest === undefined ? 'No role that exists would allow it.' : `Only a role for everything would: ${broad}`,
      'One that allows this alone, as role.yaml:',
      '',
      ...stringify(newRole)
        .trimEnd()
        .split('\n')
        .map((line) => `  ${escapeUnprintable(line)}`),
      '',
      'Then: toolgate role apply -f role.yaml',
      `      toolgate role assign ${newRole.name} ${option}`,
    ];
  }
  const denied = checks.some(({ check, passed }) => check === 'roles' && !passed) && rules.length > 0;
  return denied ? [`No further role helps while this denies it: ${escapeUnprintable(rules[0]!.id)}`] : [];
}

const COLLECTIONS: Readonly<Record<string, string>> = {
  user: USERS.path,
  service_account: SERVICE_ACCOUNTS.path,
  group: GROUPS.path,
};

/** Names of everybody who can change it, each once; a group by its own name. */
async function administratorsOf(api: AdminClient): Promise<string[]> {
  const names = new Set<string>();
  for (const role of ['owner', 'admin']) {
    const assignments = await api.all<{ subject: { kind: string; id: string } }>('/role-assignments', { role });
    for (const { subject } of assignments) {
      const path = COLLECTIONS[subject.kind];
      if (path === undefined) continue;
      const { name } = await api.get<Named>(`${path}/${subject.id}`);
      names.add(subject.kind === 'group' ? `group ${name}` : name);
    }
  }
  return [...names];
}
