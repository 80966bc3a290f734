import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Target } from '../model/decision.ts';
import { askBatch, batchOf } from './ask-batch.ts';
import { askCedar, type Verdict } from './ask-cedar.ts';
import { createCedarRuntime } from './cedar-runtime.ts';
import { LANES } from './cedar-schema.ts';
import { printable } from './cedar-text.ts';
import type { Slice } from './policy-slices.ts';
import { createPolicySlots } from './policy-slots.ts';

/** Fewer are asked about one by one: preparing a batch costs as much as some ten questions. */
const MIN_BATCH = LANES;

/**
 * Asks Cedar, prepared policies and all, and copes when it fails.
 *
 * @param onFault told about every failure, for the log
 */
export function createQuestions(onFault: ((error: unknown) => void) | undefined) {
  const runtime = createCedarRuntime();
  const slots = createPolicySlots(runtime);

  /** A trap costs an instance, not an answer: the new instance is asked once more. A question that broke both is denied. */
  function one(slice: Slice, target: Target): Verdict {
    let fault = '';
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const prepared = slots.prepare(slice.key, () => slice.policies.map((policy) => policy.cedar).join('\n'));
        const verdict = askCedar(runtime, prepared, slice, target);
        if (verdict.fault !== null) onFault?.(new Error(verdict.fault));
        return verdict;
      } catch (error) {
        onFault?.(error);
        fault = printable(String(error));
      }
    }
    return { allowed: false, determining: [], fault };
  }

  /** Whether each target of the slice is allowed; null where that must be asked one by one. */
  function many(slice: Slice, kind: PrimitiveKind, targets: readonly Target[]): (boolean | null)[] {
    const unknown = () => targets.map(() => null);
    if (targets.length < MIN_BATCH) return unknown();
    const batch = batchOf(slice, kind);
    if (batch === null) return unknown();
    try {
      const answers: (boolean | null)[] = [];
      for (let from = 0; from < targets.length; from += LANES) {
        const prepared = slots.prepare(`${kind} ${slice.key}`, () => batch.text);
        const lanes = targets.slice(from, from + LANES);
        answers.push(...(askBatch(runtime, prepared, batch, slice.roles, lanes) ?? lanes.map(() => null)));
      }
      return answers;
    } catch (error) {
      onFault?.(error);
      return unknown();
    }
  }

  return { runtime, one, many, clear: slots.clear };
}
