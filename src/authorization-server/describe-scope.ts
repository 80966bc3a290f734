import { parseScope } from '../model/scope.ts';

/** A scope as people see it when they are asked. */
export interface ScopeText {
  readonly scope: string;
  readonly text: string;
  readonly detail?: string | undefined;
}

/** @param titleOf the title of an upstream, or its name. */
export function describeScope(scope: string, titleOf: (upstream: string) => string): ScopeText {
  const parsed = parseScope(scope);
  if (parsed === null) return { scope, text: scope };
  if (parsed.upstream === null) {
    return {
      scope,
      text: 'Use everything here that you may use',
      detail: 'Every tool, also those that change or delete something.',
    };
  }
  const title = titleOf(parsed.upstream);
  if (parsed.part === null) {
    return {
      scope,
      text: `Use ${title} as you`,
      detail: 'Every tool of it that you may use, also those that change something.',
    };
  }
  if (parsed.part === 'read')
    return { scope, text: `Read from ${title}`, detail: 'What its tools say is only reading.' };
  return { scope, text: `Use the tool ${parsed.part} of ${title}` };
}
