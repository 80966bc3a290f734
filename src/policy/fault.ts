import { AppError } from '../errors/app-error.ts';

/** One thing that is wrong with roles or with Cedar text. */
export interface PolicyFault {
  /** Path into what was given, such as `[0, 'allow', 2, 'tools']`; for Cedar text `['cedar']`. */
  readonly path: readonly (string | number)[];
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** More would not be read; the rest is counted. */
const MAX_LISTED = 50;

/** The refusal of a whole set of roles or policies: every fault on a line of its own, and again as `data.faults`. */
export function refusalOf(faults: readonly PolicyFault[]): AppError {
  const listed = faults.slice(0, MAX_LISTED);
  const lines = listed.map((fault) => `${pathText(fault.path)}: ${fault.problem} ${fault.fix}`.trimEnd());
  if (faults.length > listed.length) lines.push(`… and ${faults.length - listed.length} more faults`);
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  return new AppError('unprocessable', `The policy has ${count}:\n${lines.join('\n')}`, {
    data: { faults: listed.map((fault) => ({ ...fault, path: pathText(fault.path) })) },
  });
}

/** `[0, 'allow', 2, 'tools']` → `roles[0].allow[2].tools`; what is not about the list of roles keeps its own name. */
function pathText(path: readonly (string | number)[]): string {
  let text = typeof path[0] === 'string' ? '' : 'roles';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}
