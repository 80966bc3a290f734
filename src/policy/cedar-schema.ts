import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { PrimitiveKind } from '../model/catalogue.ts';

const NAMESPACE = 'Toolgate';
/** Whoever calls. A policy sees its roles and nothing else: the decision table has rows for sets of roles, not persons. */
export const SUBJECT = `${NAMESPACE}::Subject`;
export const ROLE = `${NAMESPACE}::Role`;
export const UPSTREAM = `${NAMESPACE}::Upstream`;
export const ACTION = `${NAMESPACE}::Action`;

export const KINDS: readonly PrimitiveKind[] = ['tool', 'prompt', 'resource'];

/** The action that asks for a primitive of this kind, and the type of the resource that it is asked for. */
export const ACTION_OF: Readonly<Record<PrimitiveKind, string>> = {
  tool: 'call_tool',
  prompt: 'get_prompt',
  resource: 'read_resource',
};
export const TYPE_OF: Readonly<Record<PrimitiveKind, string>> = {
  tool: `${NAMESPACE}::Tool`,
  prompt: `${NAMESPACE}::Prompt`,
  resource: `${NAMESPACE}::Resource`,
};

const text = { type: 'String' } as const;
const flag = { type: 'Boolean' } as const;

const primitive = (more: Record<string, typeof flag>) => ({
  memberOfTypes: ['Upstream'],
  shape: { type: 'Record' as const, attributes: { upstream: text, name: text, ...more } },
});

const asksFor = (resourceType: string) => ({
  appliesTo: { principalTypes: ['Subject'], resourceTypes: [resourceType] },
});

/**
 * Everything that a policy can talk about. The name of a resource is its URI. Entity ids: a role by its name, an upstream
 * by its name, a primitive by `{upstream}/{name}`. As JSON, because the first use of Cedar's parser for schema text takes
 * 20 ms.
 */
export const SCHEMA: SchemaJson<string> = {
  [NAMESPACE]: {
    entityTypes: {
      Role: {},
      Upstream: {},
      Subject: { memberOfTypes: ['Role'] },
      Tool: primitive({ readOnly: flag, destructive: flag }),
      Prompt: primitive({}),
      Resource: primitive({}),
    },
    actions: {
      [ACTION_OF.tool]: asksFor('Tool'),
      [ACTION_OF.prompt]: asksFor('Prompt'),
      [ACTION_OF.resource]: asksFor('Resource'),
    },
  },
};

/** Primitives that one batch asks about, each in a lane of its own. */
export const LANES = 32;
export const BATCH_ACTION = 'list';
export const BATCH_RESOURCE = `${NAMESPACE}::List`;
const BATCH_ATTRIBUTES = { upstream: text, name: text, readOnly: flag, destructive: flag };

/** Attributes of the context: `name0`, `readOnly0`, `name1`, …; a batch gives those that its policies read. */
const lanes = Array.from({ length: LANES }, (_, lane) =>
  Object.entries(BATCH_ATTRIBUTES).map(([attribute, type]) => [`${attribute}${lane}`, { ...type, required: false }]),
);

/** The schema of ask-batch.ts. It stands apart, so that no policy of the other schema can be about it. */
export const BATCH_SCHEMA: SchemaJson<string> = {
  [NAMESPACE]: {
    entityTypes: { Role: {}, Subject: { memberOfTypes: ['Role'] }, List: {} },
    actions: {
      [BATCH_ACTION]: {
        appliesTo: {
          principalTypes: ['Subject'],
          resourceTypes: ['List'],
          context: { type: 'Record', attributes: Object.fromEntries(lanes.flat()) },
        },
      },
    },
  },
};
