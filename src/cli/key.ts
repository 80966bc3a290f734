import { renderConnectLines } from './connect-lines.ts';
import { examples } from './help-text.ts';
import { action, type CommandDefinition, collect, type Invocation } from './invocation.ts';
import { lookupPrincipal, type PrincipalOptions } from './lookup.ts';
import { type KeyView, lookupKey } from './lookup-key.ts';
import { renderFields, renderTable } from './table.ts';
import { durationOption, formatAgo, formatMinute, futureOption } from './time.ts';

interface IssuedKey {
  readonly accessKey: KeyView;
  readonly key: string;
  readonly replaced?: KeyView;
}

interface CreateOptions extends PrincipalOptions {
  readonly expires?: string;
  readonly cidr?: readonly string[];
  readonly tool?: readonly string[];
  readonly role?: readonly string[];
}

export const defineKey: CommandDefinition = (command, context) => {
  command
    .command('create')
    .description('create an access key and print it, once')
    .argument('[name]', 'what it is for, such as the machine that it is on')
    .option('--user <name>', 'whose key it is: a personal key (tgp_…)')
    .option('--service-account <name>', 'whose key it is: a service key (tgs_…)')
    .option('--expires <when>', '90d, 12h, a date such as 2027-01-31, or never (default)')
    .option('--cidr <network>', 'where it may be used from; may be repeated', collect)
    .option('--tool <glob>', 'what it may call, such as github__get_*; may be repeated', collect)
    .option('--role <name>', 'narrows it to what this role allows; may be repeated', collect)
    .addHelpText(
      'after',
      examples(
        'toolgate key create laptop --user ann@example.com --expires 90d',
        "toolgate key create ci --service-account nightly-report --cidr 10.0.0.0/8 --tool 'jira__get_*'",
      ),
    )
    .action(action<CreateOptions, [string | undefined]>(context, createKey));
  command
    .command('list')
    .description('list access keys, without the keys themselves')
    .option('--user <name>', 'only those of this user')
    .option('--service-account <name>', 'only those of this service account')
    .option('--all', 'also those that are expired or revoked')
    .addHelpText('after', examples('toolgate key list', 'toolgate key list --user ann@example.com --all'))
    .action(action<PrincipalOptions & { all?: true }, []>(context, listKeys));
  command
    .command('rotate')
    .description('replace a key by a new one with the same limits')
    .argument('<key>', 'id, first characters (tgp_3kf9) or name')
    .option('--overlap <time>', 'how long the old key still works: 24h, 0s for not at all', '24h')
    .option('--expires <when>', 'when the new key ends; as long as the old one was meant to live if absent')
    .addHelpText('after', examples('toolgate key rotate laptop', 'toolgate key rotate tgs_8Xq2 --overlap 7d'))
    .action(action<{ overlap: string; expires?: string }, [string]>(context, rotateKey));
  command
    .command('revoke')
    .description('refuse a key from the very next request on, and end what it has open')
    .argument('<key>', 'id, first characters (tgp_3kf9) or name')
    .addHelpText('after', examples('toolgate key revoke laptop', 'toolgate key revoke tgp_3kf9'))
    .action(action<object, [string]>(context, revokeKey));
};

async function createKey(invocation: Invocation<CreateOptions>, name: string | undefined): Promise<void> {
  const { options } = invocation;
  const expiresAt = options.expires === undefined ? undefined : futureOption('--expires', options.expires);
  const api = await invocation.api();
  const owner = await lookupPrincipal(api, options);
  const issued = await api.send<IssuedKey>('POST', '/access-keys', {
    owner: { kind: owner.kind, id: owner.id },
    name: name ?? `${owner.name} ${new Date().toISOString().slice(0, 10)}`,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(options.cidr && { cidrs: options.cidr }),
    ...(options.tool && { tools: options.tool }),
    ...(options.role && { roles: options.role }),
  });
  invocation.show(issued, () => issuedBlock(invocation, issued, `${api.gatewayUrl}/mcp`));
}

function issuedBlock({ terminal }: Invocation, { accessKey, key, replaced }: IssuedKey, endpoint: string): string {
  const { bold, dim, yellow } = terminal.style;
  const facts = renderFields([
    ['Name', accessKey.name],
    ['Owner', accessKey.owner.name],
    ['Expires', accessKey.expiresAt === null ? 'never' : formatMinute(accessKey.expiresAt)],
    ['Networks', accessKey.cidrs.join(', ')],
    ['Tools', accessKey.tools.join(', ')],
    ['Roles', accessKey.roles.join(', ')],
    ['Id', accessKey.id],
    ['Replaces', replaced && `${replaced.id}, which ${endOf(replaced)}`],
  ]);
  return [
    yellow('The new access key. It is shown this once: keep it now.'),
    '',
    `  ${bold(key)}`,
    '',
    facts.replaceAll(/^/gm, '  '),
    '',
    bold('Connect a client'),
    '',
    renderConnectLines({ endpoint, key }, dim),
    '',
  ].join('\n');
}

function endOf({ expiresAt }: KeyView): string {
  return expiresAt === null || expiresAt <= Date.now() ? 'has ended' : `works until ${formatMinute(expiresAt)}`;
}

async function listKeys(invocation: Invocation<PrincipalOptions & { all?: true }>): Promise<void> {
  const { options, terminal } = invocation;
  const api = await invocation.api();
  const named = options.user !== undefined || options.serviceAccount !== undefined;
  const owner = named ? (await lookupPrincipal(api, options)).id : undefined;
  const keys = await api.all<KeyView>('/access-keys', { owner, status: options.all ? undefined : 'active' });
  const now = Date.now();
  const { yellow } = terminal.style;
  invocation.show(keys, () =>
    keys.length === 0
      ? 'There are no such keys.'
      : renderTable(
          [
            { title: 'NAME', value: ({ name }) => name, shrinks: true },
            { title: 'OWNER', value: (key) => key.owner.name, shrinks: true },
            { title: 'KEY', value: ({ hint }) => hint },
            {
              title: 'STATUS',
              value: ({ status }) => status,
              paint: (cell, key) => (key.status === 'active' ? cell : yellow(cell)),
            },
            {
              title: 'EXPIRES',
              value: ({ expiresAt }) => (expiresAt === null ? 'never' : formatMinute(expiresAt).slice(0, 10)),
            },
            {
              title: 'LAST USED',
              value: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : formatAgo(lastUsedAt, now)),
            },
          ],
          keys,
          terminal.columns,
        ),
  );
}

async function rotateKey(invocation: Invocation<{ overlap: string; expires?: string }>, text: string): Promise<void> {
  const { overlap, expires } = invocation.options;
  const overlapSeconds = Math.round(durationOption('--overlap', overlap) / 1000);
  const expiresAt = expires === undefined ? undefined : futureOption('--expires', expires);
  const api = await invocation.api();
  const { id } = await lookupKey(api, text);
  const issued = await api.send<IssuedKey>('POST', `/access-keys/${id}/rotate`, {
    overlapSeconds,
    ...(expiresAt !== undefined && { expiresAt }),
  });
  invocation.show(issued, () => issuedBlock(invocation, issued, `${api.gatewayUrl}/mcp`));
}

async function revokeKey(invocation: Invocation, text: string): Promise<void> {
  const api = await invocation.api();
  const { id } = await lookupKey(api, text);
  const revoked = await api.send<KeyView>('POST', `/access-keys/${id}/revoke`);
  invocation.show(
    revoked,
    () => `Revoked the key ${revoked.name} (${revoked.hint}) of ${revoked.owner.name}. It is refused from now on.`,
  );
}
