import { closestMatch } from '../lib/closest.ts';
import type { AdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';
import type { Invocation } from './invocation.ts';
import { lookupPrincipal, type PrincipalOptions } from './lookup.ts';
import { readText } from './read-text.ts';
import { renderTable } from './table.ts';
import { formatMinute } from './time.ts';
import type { UpstreamView } from './upstream-status.ts';

interface CredentialOptions extends PrincipalOptions {
  readonly valueFile?: string;
  readonly valueEnv?: string;
  readonly mine?: true;
  readonly list?: true;
  readonly remove?: true;
}

interface StoredValue {
  readonly name: string;
  readonly owner: { readonly kind: string; readonly id: string };
  readonly updatedAt: number;
}

export async function changeCredential(
  invocation: Invocation<CredentialOptions>,
  name: string,
  entry: string | undefined,
): Promise<void> {
  const { options } = invocation;
  if (options.mine) return changeOwn(invocation, name, entry);
  const api = await invocation.api();
  const upstream = await api.get<UpstreamView>(`/upstreams/${encodeURIComponent(name)}`);
  if (options.list) return listValues(invocation, api, name);
  const personal = options.user !== undefined || options.serviceAccount !== undefined;
  const owner = personal ? await lookupPrincipal(api, options) : null;
  const path = `/upstreams/${name}/${owner === null ? 'credential' : `credentials/${owner.kind}/${owner.id}`}`;
  const whose = owner === null ? '' : ` of ${owner.name}`;
  if (options.remove) {
    await api.send('DELETE', path);
    invocation.show({ removed: true, upstream: name }, () => `Removed the credential${whose} for ${name}.`);
    return;
  }
  const header = entry ?? onlyHeader(upstream);
  const value = await readValue(invocation, `Value of ${header}${whose} for ${name} (not shown):`);
  const stored = await api.send<Stored>('PUT', path, { values: { [header]: value } });
  const warning = unusedWarning(stored, name);
  if (warning !== null) invocation.terminal.note(invocation.terminal.errorStyle.yellow(warning));
  invocation.show(
    stored,
    () => `Stored ${header}${whose} for ${name}, encrypted.\nNext: toolgate upstream test ${name}`,
  );
}

/** The last two only for a shared value. */
interface Stored {
  readonly unused?: readonly string[];
  readonly references?: readonly { readonly upstream: string; readonly name: string }[];
}

/** A misspelt name would otherwise show only when the upstream misses its credential. */
function unusedWarning({ unused = [], references = [] }: Stored, upstream: string): string | null {
  const [entry] = unused;
  if (entry === undefined) return null;
  const own = references.filter((one) => one.upstream === upstream).map(({ name }) => name);
  const others = references.filter(({ name }) => name === entry).map((one) => one.upstream);
  const guess = closestMatch(entry, own);
  const sentences = [
    `warning: nothing uses ${entry} yet: the configuration file has no \${vault:${entry}} for ${upstream}.`,
    `It refers to ${own.length === 0 ? 'no entry' : own.join(', ')} there.`,
    ...(guess === null ? [] : [`Did you mean ${guess}?`]),
    ...(others.length === 0
      ? []
      : [`For ${others.join(', ')} it does; entries are stored for each upstream by itself.`]),
  ];
  return sentences.join(' ');
}

/** The caller's own, which needs no administrator. */
async function changeOwn(invocation: Invocation<CredentialOptions>, name: string, entry: string | undefined) {
  const { list, remove } = invocation.options;
  const api = await invocation.api();
  const path = `/upstreams/${encodeURIComponent(name)}/my-credential`;
  if (remove) {
    await api.send('DELETE', path);
    invocation.show({ removed: true, upstream: name }, () => `Removed your credential for ${name}.`);
  } else if (list) {
    const { values } = await api.get<{ values: StoredValue[] }>(path);
    invocation.show(
      values,
      () => values.map((stored) => stored.name).join('\n') || `Nothing of yours is stored for ${name}.`,
    );
  } else {
    if (entry === undefined)
      throw new CliError(`Say which header: toolgate upstream credential ${name} <header> --mine`, { exitCode: 2 });
    const value = await readValue(invocation, `Your value of ${entry} for ${name} (not shown):`);
    const stored = await api.send('PUT', path, { values: { [entry]: value } });
    invocation.show(stored, () => `Stored your ${entry} for ${name}, encrypted.`);
  }
}

function onlyHeader({ name, source, auth }: UpstreamView): string {
  const { names = clientEntries(auth) } = auth;
  if (source === 'api' && names.length === 1) return names[0]!;
  if (source === 'api' && names.length > 1)
    throw new CliError(`Say which header of ${name}: ${names.join(', ')}.`, { exitCode: 2 });
  if (source === 'api')
    throw new CliError(`${name} takes no credential: it was added without --header and --client-id.`);
  throw new CliError(
    `Say which entry: the NAME that a \${vault:NAME} of ${name} refers to in the configuration file.`,
    { exitCode: 2 },
  );
}

function clientEntries({ oauth }: UpstreamView['auth']): string[] {
  const method = oauth?.client?.authMethod ?? 'none';
  if (method === 'none') return [];
  return [method === 'private_key_jwt' ? 'client-key' : 'client-secret'];
}

/** The value without the line end that a file or an `echo` puts behind it. */
async function readValue(invocation: Invocation<CredentialOptions>, question: string): Promise<string> {
  const { env, options, terminal } = invocation;
  const value = await rawValue();
  if (value === '') throw new CliError('The value is empty.');
  return value;

  async function rawValue(): Promise<string> {
    if (options.valueEnv !== undefined) {
      const found = env[options.valueEnv];
      if (found === undefined) throw new CliError(`The environment variable ${options.valueEnv} is not set.`);
      return found;
    }
    if (options.valueFile !== undefined) return (await readText(invocation, options.valueFile)).replace(/\r?\n$/, '');
    if (terminal.stdin.isTTY) return terminal.askHidden(question);
    return (await readText(invocation, '-')).replace(/\r?\n$/, '');
  }
}

async function listValues(invocation: Invocation, api: AdminClient, name: string): Promise<void> {
  const values = await api.all<StoredValue>(`/upstreams/${name}/credentials`);
  invocation.show(values, () =>
    values.length === 0
      ? `Nothing is stored for ${name}.`
      : renderTable(
          [
            { title: 'NAME', value: (stored) => stored.name, shrinks: true },
            { title: 'OF', value: ({ owner }) => (owner.kind === 'shared' ? 'everybody' : owner.id) },
            { title: 'STORED', value: ({ updatedAt }) => formatMinute(updatedAt) },
          ],
          values,
          invocation.terminal.columns,
        ),
  );
}
