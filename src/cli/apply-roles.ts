import { CliError } from './cli-error.ts';
import type { Invocation } from './invocation.ts';
import { readYaml } from './read-yaml.ts';
import type { RoleView } from './show-role.ts';
import { warnUnknownUpstreams } from './warn-unknown-upstreams.ts';

/** Creates or replaces each role of the file, in its order. */
export async function applyRoles(invocation: Invocation<{ file: string }>): Promise<void> {
  const { file } = invocation.options;
  const roles = rolesOf(await readYaml(invocation, file), file);
  const api = await invocation.api();
  const known = new Map((await api.all<RoleView>('/roles')).map((role) => [role.name, role]));
  const done: { name: string; result: 'created' | 'replaced' }[] = [];
  for (const role of roles) {
    const { name, ...rules } = role;
    const old = known.get(String(name));
    // What cannot be the name of a role is refused by the API, which says how to write one.
    if (old === undefined) await api.send('POST', '/roles', role);
    else await api.send('PUT', `/roles/${encodeURIComponent(old.name)}`, rules, { ifMatch: old.etag ?? '*' });
    done.push({ name: String(name), result: old === undefined ? 'created' : 'replaced' });
  }
  invocation.show(done, () => done.map(({ name, result }) => `The role ${name} was ${result}.`).join('\n'));
  await warnUnknownUpstreams(api, invocation.terminal, roles);
}

function rolesOf(content: unknown, file: string): Readonly<Record<string, unknown>>[] {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  // A whole configuration, or an export, has its roles below `roles`.
  const listed = isMap(content) && Array.isArray(content.roles) ? content.roles : content;
  const roles = Array.isArray(listed) ? listed : [listed];
  if (roles.length > 0 && roles.every(isMap)) return roles;
  throw new CliError(`${file} holds no role. See \`toolgate role apply --help\` for how one looks.`);
}
