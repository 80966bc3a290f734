import type * as z from 'zod';
import { SettingsSchema } from './schema.ts';
import { traits } from './traits.ts';

/** One setting as the file, the environment, the command line and the docs know it. */
export interface Setting {
  /** `audit.mode`. */
  readonly path: string;
  readonly keys: readonly string[];
  readonly description: string;
  /** For people, such as `whole number, 1 to 65535`. */
  readonly type: string;
  /** As the docs print it; undefined when there is none. */
  readonly default: string | undefined;
  /** `list` and `number` decide how text from a variable or a flag is read; `structure` can only stand in the file. */
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'structure';
  /** `TOOLGATE_AUDIT_MODE`. */
  readonly variable: string;
  /** `audit-mode`, without the dashes in front. */
  readonly flag: string;
  readonly needsRestart: boolean;
  /** The group of which only one member may be set, such as `masterKey`. */
  readonly oneOf: string | undefined;
}

/** A Zod schema as this module looks at it; only its definition is read, nothing is parsed. */
export type AnySchema = z.ZodType;

const defOf = (schema: AnySchema) => (schema as unknown as z.core.$ZodTypes)._zod.def;

interface Unwrapped {
  readonly inner: AnySchema;
  readonly defaultValue: unknown;
  readonly optional: boolean;
}

/** Takes off the wrappers (`default`, `optional`, `transform`…) around the schema that says what may be written. */
export function unwrap(schema: AnySchema): Unwrapped {
  let inner = schema;
  let defaultValue: unknown;
  let optional = false;
  for (;;) {
    const def = defOf(inner);
    if (def.type === 'default' || def.type === 'prefault') {
      defaultValue ??= def.defaultValue;
      optional = true;
      inner = def.innerType as AnySchema;
    } else if (def.type === 'optional') {
      optional = true;
      inner = def.innerType as AnySchema;
    } else if (def.type === 'pipe') {
      // What is written stands before a `transform` and after a `preprocess`.
      const before = defOf(def.in as AnySchema).type;
      inner = (before === 'transform' ? def.out : def.in) as AnySchema;
    } else {
      return { inner, defaultValue, optional };
    }
  }
}

/** The members of an object schema, or undefined when it is something else. */
export function membersOf(schema: AnySchema): Record<string, AnySchema> | undefined {
  const def = defOf(unwrap(schema).inner);
  return def.type === 'object' ? (def.shape as Record<string, AnySchema>) : undefined;
}

/** The schema of the entries of a list of maps, or undefined when it is something else. */
export function elementOf(schema: AnySchema): AnySchema | undefined {
  const def = defOf(unwrap(schema).inner);
  if (def.type !== 'array') return undefined;
  return membersOf(def.element as AnySchema) === undefined ? undefined : (def.element as AnySchema);
}

/** The schema at a path of member names, or undefined when the path leads nowhere. */
export function schemaAt(schema: AnySchema, path: readonly (string | number)[]): AnySchema | undefined {
  let current: AnySchema | undefined = schema;
  for (const key of path) {
    const element: AnySchema | undefined = elementOf(current);
    if (typeof key === 'number' && element !== undefined) {
      current = element;
      continue;
    }
    const members: Record<string, AnySchema> | undefined = membersOf(current);
    if (members === undefined || !Object.hasOwn(members, key)) return undefined;
    current = members[key];
    if (current === undefined) return undefined;
  }
  return current;
}

/** The type of a setting, in words. */
export function describeType(schema: AnySchema): string {
  const { inner } = unwrap(schema);
  const named = traits.get(schema)?.type ?? traits.get(inner)?.type;
  if (named !== undefined) return named;
  const def = defOf(inner);
  switch (def.type) {
    case 'number': {
      const { minValue, maxValue } = inner as z.ZodNumber;
      return `whole number, ${minValue} to ${maxValue}`;
    }
    case 'enum':
      return Object.values(def.entries)
        .map((value) => `\`${value}\``)
        .join(', ');
    case 'array':
      return `list of ${describeType(def.element as AnySchema)}`;
    case 'boolean':
      return '`true`, `false`';
    case 'string':
      return 'text';
    default:
      return 'map';
  }
}

/** The default of a setting as the docs print it: a trait that says more than the value, or the value itself. */
export function describeDefault(schema: AnySchema): string | undefined {
  const { inner, defaultValue } = unwrap(schema);
  const named = traits.get(schema)?.default ?? traits.get(inner)?.default;
  if (named !== undefined) return named;
  if (defaultValue === undefined || membersOf(schema) !== undefined) return undefined;
  if (Array.isArray(defaultValue) && defaultValue.length > 0)
    return defaultValue.map((value) => `\`${value}\``).join(', ');
  if (typeof defaultValue === 'object') return 'empty';
  return `\`${String(defaultValue)}\``;
}

const KINDS: Record<string, Setting['kind']> = { string: 'text', enum: 'text', number: 'number', boolean: 'boolean' };

function kindOf(schema: AnySchema): Setting['kind'] {
  const def = defOf(unwrap(schema).inner);
  if (def.type === 'array') return kindOf(def.element as AnySchema) === 'text' ? 'list' : 'structure';
  return KINDS[def.type] ?? 'structure';
}

const words = (path: string, separator: string): string =>
  path.replaceAll('.', separator).replaceAll(/[A-Z]/g, (letter) => `${separator}${letter.toLowerCase()}`);

function collect(
  schema: AnySchema,
  keys: readonly string[],
  inherited: { restart: boolean; oneOf: string | undefined },
): Setting[] {
  const own = traits.get(schema);
  const path = keys.join('.');
  const passOn = {
    restart: inherited.restart || own?.restart === true,
    oneOf: own?.oneOf === true ? path : inherited.oneOf,
  };
  const members = membersOf(schema);
  if (members !== undefined) {
    return Object.entries(members).flatMap(([key, member]) => collect(member, [...keys, key], passOn));
  }
  return [
    {
      path,
      keys,
      description: schema.description ?? '',
      type: describeType(schema),
      default: describeDefault(schema),
      kind: kindOf(schema),
      variable: `TOOLGATE_${words(path, '_').toUpperCase()}`,
      flag: own?.flag ?? words(path, '-'),
      needsRestart: passOn.restart,
      oneOf: passOn.oneOf,
    },
  ];
}

/**
 * Every setting, in the order of the docs. Variable and flag follow from the path (`audit.deadlineMs` →
 * `TOOLGATE_AUDIT_DEADLINE_MS`, `--audit-deadline-ms`); only `--host` and `--port` are shorter. There is no
 * `TOOLGATE_PORT`: Kubernetes sets that to `tcp://…` next to any service of the name `toolgate`.
 */
export const SETTINGS: readonly Setting[] = collect(SettingsSchema, [], { restart: false, oneOf: undefined });
