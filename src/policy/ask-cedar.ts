import type { AuthorizationAnswer } from '@cedar-policy/cedar-wasm/nodejs';
import type { Target } from '../model/decision.ts';
import { type CedarRuntime, SCHEMA_NAME } from './cedar-runtime.ts';
import { ACTION, ACTION_OF, ROLE, SUBJECT, TYPE_OF, UPSTREAM } from './cedar-schema.ts';
import { printable } from './cedar-text.ts';
import type { Policy } from './compile-roles.ts';
import type { Slice } from './policy-slices.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** The policies that decided: every permit that applies, or every forbid. Empty for the default deny. */
  readonly determining: readonly Policy[];
  /** Why nothing could be decided; the verdict is then a deny. */
  readonly fault: string | null;
}

const SUBJECT_UID = { type: SUBJECT, id: 'caller' };

/**
 * One question to Cedar. The request is held to the schema, and every value in it is a plain string or boolean under a
 * fixed name, so that no tool name can pass for an entity or an extension value. An error of any policy is a deny: Cedar
 * would skip the policy, and it may have been a forbid.
 *
 * @param preparedId of the slice
 * @throws what Cedar throws; the instance is lost then
 */
export function askCedar(runtime: CedarRuntime, preparedId: string, slice: Slice, target: Target): Verdict {
  const { kind, upstream, name, readOnly, destructive } = target;
  const resource = { type: TYPE_OF[kind], id: `${upstream}/${name}` };
  const attrs = kind === 'tool' ? { upstream, name, readOnly, destructive } : { upstream, name };
  const answer = runtime.run((cedar) =>
    cedar.statefulIsAuthorized({
      principal: SUBJECT_UID,
      action: { type: ACTION, id: ACTION_OF[kind] },
      resource,
      context: {},
      entities: [
        { uid: SUBJECT_UID, attrs: {}, parents: slice.roles.map((id) => ({ type: ROLE, id })) },
        { uid: resource, attrs, parents: [{ type: UPSTREAM, id: upstream }] },
      ],
      preparsedPolicySetId: preparedId,
      preparsedSchemaName: SCHEMA_NAME,
      validateRequest: true,
    }),
  );
  return verdictOf(answer, slice);
}

function verdictOf(answer: AuthorizationAnswer, slice: Slice): Verdict {
  const deny = (fault: string): Verdict => ({ allowed: false, determining: [], fault: printable(fault) });
  if (answer.type === 'failure') return deny(answer.errors.map((error) => error.message).join('; '));
  const { decision, diagnostics } = answer.response;
  const policyOf = (id: string) => slice.policies[Number(id.slice('policy'.length))];
  const [error] = diagnostics.errors;
  if (error !== undefined) return deny(`${policyOf(error.policyId)?.id}: ${error.error.message}`);
  const determining = diagnostics.reason.map((id) => policyOf(id)!).sort((a, b) => (a.id < b.id ? -1 : 1));
  return { allowed: decision === 'allow', determining, fault: null };
}
