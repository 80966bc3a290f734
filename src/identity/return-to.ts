const MAX_LENGTH = 4096;

/**
 * Where to go after signing in: the path that was asked for if it is one of `paths`, or lies below one that ends with a
 * slash; `/` otherwise. Everything that any browser could read as another host is refused: `//evil`, `/\evil`, control
 * characters, which URL parsers skip (`/\t/evil`), and dots that climb out of an allowed path.
 */
export function returnTo(asked: unknown, paths: readonly string[]): string {
  if (typeof asked !== 'string' || asked.length > MAX_LENGTH) return '/';
  if (!/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(asked)) return '/';
  const base = 'https://toolgate.invalid';
  if (!URL.canParse(asked, base)) return '/';
  const url = new URL(asked, base);
  if (url.origin !== base || url.username !== '') return '/';
  // What the parser made of it must be what was written, or the check below and the browser look at different paths.
  const [path] = asked.split(/[?#]/, 1);
  if (url.pathname !== path || /%2e|%2f|%5c/i.test(path)) return '/';
  const fits = (allowed: string): boolean => (allowed.endsWith('/') ? path!.startsWith(allowed) : path === allowed);
  return paths.some(fits) ? asked : '/';
}
