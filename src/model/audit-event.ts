import type { JsonValue } from './json.ts';

/** An intent is durable before the act; its outcome follows. A `event` stands alone (there was nothing to wait for). */
export type AuditPhase = 'intent' | 'outcome' | 'event';

/** What the writer is given. Ids, chain and time of writing are added by the audit log. */
export interface AuditEvent {
  readonly phase: AuditPhase;
  /** Dotted and stable: `tool.call`, `prompt.get`, `resource.read`, `mcp.request`, `auth.refused`, `key.create`, `user.disable`… */
  readonly action: string;
  /** Ties an outcome to its intent; the request id that logs and error messages show. */
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly tenantId: string;
  readonly principalKind?: string | undefined;
  readonly principalId?: string | undefined;
  readonly principalName?: string | undefined;
  readonly agentKind?: string | undefined;
  readonly agentId?: string | undefined;
  readonly agentName?: string | undefined;
  /** Of a call with an access token: the grant that it was issued for, if there is one. */
  readonly grantId?: string | undefined;
  /** The client's address, after trusted proxies. */
  readonly address?: string | undefined;
  readonly upstream?: string | undefined;
  /** Tool or prompt name, resource URI, or the name of the object that an admin changed. */
  readonly target?: string | undefined;
  readonly decision?: 'allow' | 'deny' | undefined;
  readonly reason?: string | undefined;
  /** Redacted. */
  readonly arguments?: JsonValue | undefined;
  /** Hex SHA-256 of the arguments' original bytes. */
  readonly argumentsHash?: string | undefined;
  /** `ok`, `tool_error` (isError), `error` (JSON-RPC error), `failed` (no answer), `cancelled`. */
  readonly outcome?: 'ok' | 'tool_error' | 'error' | 'failed' | 'cancelled' | undefined;
  readonly errorCode?: string | undefined;
  readonly responseBytes?: number | undefined;
  readonly responseHash?: string | undefined;
  /** Only where the upstream's audit rule asks for it; redacted. */
  readonly response?: JsonValue | undefined;
  /** Milliseconds from receiving the request to the end of the answer. */
  readonly durationMs?: number | undefined;
}
