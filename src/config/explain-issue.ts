import type * as z from 'zod';
import { closestMatch } from '../lib/closest.ts';
import type { Finding } from './fault.ts';
import { type AnySchema, describeType, membersOf, schemaAt } from './settings.ts';

/**
 * Says in words what the schema refused, one finding for each thing to change. Values are not repeated, except for a word
 * that had to be one of a few.
 *
 * @param base path of what was parsed, when it is only a part of the configuration.
 */
export function explainIssue(issue: z.core.$ZodIssue, schema: AnySchema, base: Finding['path'] = []): Finding[] {
  const inner = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  const path = [...base, ...inner];
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(membersOf(schemaAt(schema, inner) ?? schema) ?? {});
    return issue.keys.map((key) => explainUnknownKey([...path, key], key, known));
  }
  const target = schemaAt(schema, inner);
  const type = target === undefined ? '' : describeType(target);
  if (issue.code === 'custom') {
    return [{ path, problem: issue.message, fix: String(issue.params?.fix ?? '') }];
  }
  if (issue.code === 'invalid_type') return [{ path, ...explainType(issue, inner, type, target) }];
  if (issue.code === 'invalid_value') return [{ path, ...explainChoice(issue) }];
  if (issue.code === 'too_small' && issue.origin !== 'number' && issue.origin !== 'int') {
    return [{ path, problem: 'This is empty.', fix: 'Give it a value, or remove it.' }];
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    return [{ path, problem: 'This is out of range.', fix: `Write a ${type}.` }];
  }
  return [
    { path, problem: 'This does not have the right form.', fix: target?.description ?? 'See `toolgate config docs`.' },
  ];
}

function explainUnknownKey(path: Finding['path'], key: string, known: readonly string[]): Finding {
  const meant = closestMatch(key, known);
  const fix =
    meant === null ? `Known here: ${known.map((name) => `\`${name}\``).join(', ')}.` : `Did you mean \`${meant}\`?`;
  return { path, problem: `\`${key}\` is not a known key.`, fix };
}

function explainType(
  issue: z.core.$ZodIssueInvalidType,
  path: readonly (string | number)[],
  type: string,
  target: AnySchema | undefined,
): Omit<Finding, 'path'> {
  if (issue.input === undefined) {
    return { problem: `\`${path.at(-1)}\` is missing.`, fix: target?.description ?? 'Add it.' };
  }
  if (issue.input === null) return { problem: 'This has no value.', fix: 'Give it one, or remove the key.' };
  if (issue.expected === 'string' && typeof issue.input !== 'object') {
    return { problem: 'This is read as a number or a truth value, not as text.', fix: 'Put it in quotes.' };
  }
  if (issue.expected === 'array') {
    return { problem: 'This has to be a list.', fix: 'Write it as `[first, second]`, or one `- entry` on each line.' };
  }
  if (issue.expected === 'object' || issue.expected === 'record') {
    return {
      problem: 'This has to be a map.',
      fix: 'Write its keys on lines of their own, indented, as `key: value`.',
    };
  }
  if (issue.expected === 'string') return { problem: 'This has to be a single text.', fix: 'Write one value here.' };
  return {
    problem: 'This is not of the right type.',
    fix: type === '' ? 'See `toolgate config docs`.' : `Write ${withArticle(type)}.`,
  };
}

const withArticle = (type: string): string => (type.startsWith('`') ? `one of ${type}` : `a ${type}`);

function explainChoice(issue: z.core.$ZodIssueInvalidValue): Omit<Finding, 'path'> {
  const choices = issue.values.map(String);
  const list = choices.map((choice) => `\`${choice}\``).join(', ');
  if (typeof issue.input !== 'string') return { problem: 'This is not a valid value.', fix: `Use one of ${list}.` };
  const meant = closestMatch(issue.input, choices);
  return {
    problem: `\`${issue.input.slice(0, 40)}\` is not one of ${list}.`,
    fix: meant === null ? 'Use one of these.' : `Did you mean \`${meant}\`?`,
  };
}
