import type { Method, Route } from './routes.ts';

export interface FoundRoute {
  readonly route: Route;
  /** Decoded, by name. */
  readonly params: Readonly<Record<string, string>>;
}

const patterns = new WeakMap<Route, RegExp>();

function patternOf(route: Route): RegExp {
  let pattern = patterns.get(route);
  if (pattern === undefined) {
    // Route paths are our own constants of letters, `-`, `.`, `/` and parameters.
    pattern = new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    patterns.set(route, pattern);
  }
  return pattern;
}

/**
 * The route of a request, and the parts of its path. Exact: no trailing slash, no other case. What is escaped in a part
 * stays inside it (`a%2Fb` is one part). Null when there is none.
 *
 * @param path without `/api/v1` and query
 */
export function findRoute(routes: readonly Route[], method: string, path: string): FoundRoute | null {
  for (const route of routes) {
    // RFC 9110 §9.3.2: HEAD is GET without the body. A stream would be made for nothing.
    const served = method === route.method || (method === 'HEAD' && isAlsoHead(route));
    const match = served ? patternOf(route).exec(path) : null;
    if (match === null) continue;
    const params = Object.entries(match.groups ?? {}).map(([name, part]) => [name, decoded(part)] as const);
    return { route, params: Object.fromEntries(params) };
  }
  return null;
}

/** The methods that serve a path, for `Allow`. */
export function methodsAt(routes: readonly Route[], path: string): (Method | 'HEAD')[] {
  return routes
    .filter((route) => patternOf(route).test(path))
    .flatMap((route) => (isAlsoHead(route) ? [route.method, 'HEAD' as const] : [route.method]));
}

const isAlsoHead = ({ method, answer }: Route): boolean => method === 'GET' && answer.mediaType === undefined;

/** The router in front refuses escapes that are not valid, so this does not throw; what it could not read names nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
