/** The text at a path such as `owner.user.name` in a JSON document; null when there is none. */
export function memberOf(document: Readonly<Record<string, unknown>>, path: string): string | null {
  let value: unknown = document;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'string' && value !== '' ? value : null;
}
