/**
 * The decision table, warm and cold, and what reloads leave behind. Prints one line per measurement.
 *
 *   node --expose-gc bench/policy.ts
 */
import type { Target } from '../src/model/decision.ts';
import type { Caller } from '../src/model/principal.ts';
import type { Role, RoleRule } from '../src/model/role.ts';
import { createDecisionTable } from '../src/policy/decision-table.ts';
import { createPolicyEngine } from '../src/policy/policy-engine.ts';

const UPSTREAMS = 50;
const VERBS = ['get', 'list', 'search', 'create', 'update', 'delete', 'run', 'close', 'merge', 'export'];

/** 1,000 tools: 50 upstreams with 20 tools each. */
const tools: Target[] = Array.from({ length: UPSTREAMS }, (_, u) => `server-${u}`).flatMap((upstream) =>
  Array.from({ length: 20 }, (_, i) => ({
    upstream,
    kind: 'tool' as const,
    name: `${VERBS[i % VERBS.length]}_thing_${i}`,
    readOnly: i % VERBS.length < 3,
    destructive: i % VERBS.length === 5,
  })),
);

const callerWith = (roles: readonly string[], restriction?: Caller['restriction']): Caller => ({
  tenantId: 'default',
  principal: { kind: 'user', id: 'usr_1', name: 'bench' },
  agent: { kind: 'access_key', id: 'key_1', name: 'bench' },
  roles,
  ...(restriction === undefined ? {} : { restriction }),
});

const role = (name: string, allow: readonly RoleRule[], deny: readonly RoleRule[] = []): Role => ({
  name,
  description: '',
  allow,
  deny,
});
const on = (upstreams: readonly number[], rule: Omit<RoleRule, 'upstream'>): RoleRule[] =>
  upstreams.map((u) => ({ upstream: `server-${u}`, ...rule }));
const some = Array.from({ length: 5 }, (_, i) => i);
const all = Array.from({ length: UPSTREAMS }, (_, i) => i);

/** Each shape of roles that people write, from the cheapest to the most expensive to ask about. */
const shapes: Record<string, readonly Role[]> = {
  'five upstreams by name and glob': [role('r', on(some, { tools: ['get_*', 'list_*'] }))],
  'read-only tools of every upstream': [role('r', [{ upstream: '*', when: { readOnly: true } }])],
  'name globs on every upstream': [role('r', [{ upstream: '*', tools: ['get_*', 'list_*', 'search_*'] }])],
  'every upstream by name, 8 rules each': [
    role(
      'r',
      all.flatMap((u) => VERBS.slice(0, 8).flatMap((verb) => on([u], { tools: [`${verb}_*`] }))),
    ),
  ],
  'five roles, 30 rules over globs': Array.from({ length: 5 }, (_, r) =>
    role(
      `r${r}`,
      VERBS.slice(0, 5).map((verb) => ({ upstream: `*-${r}*`, tools: [`${verb}_*`] })),
      [{ upstream: '*', tools: [`*_thing_1${r}`] }],
    ),
  ),
};

const milliseconds = (from: number) => performance.now() - from;
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

function cold(): void {
  // 1,000 rules of other people stand beside the roles in question, as they would in a company.
  const others = Array.from({ length: 100 }, (_, r) =>
    role(`other-${r}`, on(all.slice(0, 10), { tools: [`${VERBS[r % 10]}_*`] })),
  );
  for (const [shape, roles] of Object.entries(shapes)) {
    const engine = createPolicyEngine({ roles: [...roles, ...others] });
    engine.decide(engine.roles, tools[0]!);
    const times: number[] = [];
    let allowed = 0;
    for (let round = 0; round < 15; round++) {
      engine.replace([...roles, ...others]);
      const table = createDecisionTable(engine);
      const caller = callerWith(roles.map(({ name }) => name));
      const start = performance.now();
      allowed = table.allowedOf(caller, tools).length;
      times.push(milliseconds(start));
    }
    console.log(
      `cold  1,000 tools, ${shape}: ${median(times).toFixed(1)} ms, at best ${times[0]!.toFixed(1)} (${allowed} allowed)`,
    );
  }
}

function warm(): void {
  const engine = createPolicyEngine({ roles: [role('r', [{ upstream: '*', tools: ['get_*'] }])] });
  const table = createDecisionTable(engine);
  const callers = {
    'roles only': callerWith(['r']),
    'key with roles and a tool filter': callerWith(['r'], { roles: ['r'], tools: ['server-1*__*', 'server-*__get_*'] }),
  };
  for (const [name, caller] of Object.entries(callers)) {
    // Names as they come from a request: equal, but never the same string objects as in the catalogue.
    const asked = Array.from({ length: 20 }, () =>
      tools.map((tool) => ({ ...tool, name: Buffer.from(tool.name).toString() })),
    ).flat();
    for (const tool of asked) table.isAllowed(caller, tool);
    for (const fn of ['isAllowed', 'decide'] as const) {
      const times: number[] = [];
      for (let round = 0; round < 15; round++) {
        const start = performance.now();
        for (const tool of asked) table[fn](caller, tool);
        times.push((milliseconds(start) * 1000) / asked.length);
      }
      console.log(`warm  ${fn}, ${name}: ${median(times).toFixed(3)} µs`);
    }
  }
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const wide = createDecisionTable(engine);
  for (let set = 0; set < 200; set++) {
    const caller = callerWith(['r', `nobody-${set}`].sort());
    for (const tool of tools.slice(0, 200)) wide.isAllowed(caller, tool);
  }
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / wide.size.cells;
  console.log(`table ${wide.size.cells} cells in ${wide.size.rows} rows: ${bytes.toFixed(0)} bytes each`);
}

function reloads(): void {
  const roles = (version: number) =>
    Array.from({ length: 100 }, (_, r) =>
      role(`role-${r}`, on(all.slice(0, 10), { tools: [`v${version}_${r}_*`, 'get_*'] })),
    );
  const engine = createPolicyEngine({ roles: roles(0) });
  const table = createDecisionTable(engine);
  const memory: number[] = [];
  const times: number[] = [];
  for (let version = 1; version <= 300; version++) {
    const next = roles(version);
    const start = performance.now();
    engine.replace(next, 'forbid (principal, action, resource) when { resource.name like "*secret*" };');
    times.push(milliseconds(start));
    for (let r = 0; r < 20; r++)
      for (const tool of tools.slice(0, 20)) table.isAllowed(callerWith([`role-${r}`]), tool);
    if (version % 100 === 0) {
      globalThis.gc?.();
      memory.push(process.memoryUsage().rss / 1e6);
    }
  }
  console.log(
    `reload 1,000 rules: ${median(times).toFixed(1)} ms; RSS after 100, 200, 300: ${memory.map((mb) => mb.toFixed(0)).join(', ')} MB`,
  );
}

const start = performance.now();
const engine = createPolicyEngine({ roles: shapes['name globs on every upstream']! });
const created = milliseconds(start);
engine.decide(engine.roles, tools[0]!);
console.log(
  `start create ${created.toFixed(1)} ms, warm up ${(milliseconds(start) - created).toFixed(1)} ms, RSS ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
);
warm();
cold();
reloads();
