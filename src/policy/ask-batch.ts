import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Target } from '../model/decision.ts';
import { BATCH_SCHEMA_NAME, type CedarRuntime } from './cedar-runtime.ts';
import { ACTION, BATCH_ACTION, BATCH_RESOURCE, LANES, ROLE, SUBJECT } from './cedar-schema.ts';
import { type Attribute, anyOf, type Policy } from './compile-roles.ts';
import type { Slice } from './policy-slices.ts';

/** UTF-16 code units; preparing more would take longer than it saves. */
const MAX_TEXT = 1_000_000;

export interface Batch {
  readonly text: string;
  /** What the policies read of a primitive; nothing else is sent. */
  readonly attributes: readonly Attribute[];
}

/**
 * One question to Cedar costs 50 µs whatever it is about, and a list asks about a thousand tools. A batch asks about 32 in
 * one question: the slice is rewritten into one policy per lane, which permits when one of the slice's permits applies to
 * the primitive in that lane and none of its forbids does. Cedar evaluates them all and names those that permitted. Only
 * lists are filled this way; a call is always decided by the policies as they are.
 *
 * @returns null when the slice has a policy that cannot be rewritten, or is too large
 */
export function batchOf({ policies }: Slice, kind: PrimitiveKind): Batch | null {
  const attributes = new Set<Attribute>();
  let text = '';
  for (let lane = 0; lane < LANES; lane++) {
    const conditions: Record<Policy['effect'], string[]> = { permit: [], forbid: [] };
    for (const { appliesTo, effect } of policies) {
      if (appliesTo === null) return null;
      const condition = appliesTo(kind, (attribute) => {
        attributes.add(attribute);
        return `context.${attribute}${lane}`;
      });
      conditions[effect].push(`(${condition})`);
    }
    const permitted = conditions.permit.length === 0 ? 'false' : `(${anyOf(conditions.permit)})`;
    const forbidden = conditions.forbid.length === 0 ? '' : ` && !(${anyOf(conditions.forbid)})`;
    text += `permit (principal, action, resource) when { ${permitted}${forbidden} };\n`;
    if (text.length > MAX_TEXT) return null;
  }
  return { text, attributes: [...attributes] };
}

const SUBJECT_UID = { type: SUBJECT, id: 'caller' };

/**
 * @param preparedId of the batch's text
 * @param targets 1 to LANES, of the slice's kind
 * @returns whether each is allowed, or null when Cedar could not tell for certain
 * @throws what Cedar throws; the instance is lost then
 */
export function askBatch(
  runtime: CedarRuntime,
  preparedId: string,
  { attributes }: Batch,
  roles: readonly string[],
  targets: readonly Target[],
): boolean[] | null {
  const context: Record<string, string | boolean> = {};
  for (let lane = 0; lane < LANES; lane++) {
    // Every lane needs values, or its policy would fail: those at the end repeat the last target.
    const target = targets[Math.min(lane, targets.length - 1)]!;
    for (const attribute of attributes) context[`${attribute}${lane}`] = target[attribute];
  }
  const answer = runtime.run((cedar) =>
    cedar.statefulIsAuthorized({
      principal: SUBJECT_UID,
      action: { type: ACTION, id: BATCH_ACTION },
      resource: { type: BATCH_RESOURCE, id: 'list' },
      context,
      entities: [{ uid: SUBJECT_UID, attrs: {}, parents: roles.map((id) => ({ type: ROLE, id })) }],
      preparsedPolicySetId: preparedId,
      preparsedSchemaName: BATCH_SCHEMA_NAME,
      validateRequest: true,
    }),
  );
  if (answer.type === 'failure' || answer.response.diagnostics.errors.length > 0) return null;
  const permitting = new Set(answer.response.diagnostics.reason);
  return targets.map((_, lane) => permitting.has(`policy${lane}`));
}
