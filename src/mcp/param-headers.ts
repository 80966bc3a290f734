import type { JsonObject } from '../model/json.ts';
import { encodeHeaderValue } from './header-rules.ts';
import { isObject } from './message.ts';

/**
 * The `Mcp-Param-*` headers that a modern client would send with these arguments, from the `x-mcp-header` members of the
 * tool's schema (2026-07-28, "Custom Headers from Tool Parameters"): flat, name then value. For calls that a legacy
 * client makes, which knows nothing of them.
 */
export function paramHeaders(inputSchema: unknown, args: unknown): string[] {
  const headers: string[] = [];
  collect(inputSchema, args, headers);
  return headers;
}

function collect(schema: unknown, value: unknown, headers: string[]): void {
  if (!isObject(schema) || !isObject(schema.properties) || !isObject(value)) return;
  for (const [name, property] of Object.entries(schema.properties)) {
    if (!isObject(property) || !Object.hasOwn(value, name)) continue;
    const header = property['x-mcp-header'];
    if (typeof header === 'string') append(header, value[name], headers);
    else collect(property as JsonObject, value[name], headers);
  }
}

function append(header: string, value: unknown, headers: string[]): void {
  // RFC 9110 §5.1: a field name is a token. A schema that says otherwise is the upstream's mistake, not ours to send.
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(header)) return;
  if (typeof value === 'string') headers.push(`Mcp-Param-${header}`, encodeHeaderValue(value));
  else if (typeof value === 'boolean' || Number.isSafeInteger(value))
    headers.push(`Mcp-Param-${header}`, String(value));
}
