/** What one error code means on every wire it can appear on. docs/errors.md is generated from this table. */
export interface ErrorEntry {
  /** HTTP status. */
  http: number;
  /**
   * HTTP status on the MCP endpoint where it differs: 200 for what is the answer to one well-formed JSON-RPC request,
   * so that every client shows its user the message instead of a transport failure.
   */
  mcpHttp?: number;
  /**
   * JSON-RPC code on the MCP endpoint. Standard codes where the MCP specification names one; our own are positive,
   * outside the reserved −32768…−32000 (2026-07-28, basic, "Error Codes").
   */
  rpc: number;
  /** RFC 6750 `error` of the `WWW-Authenticate` challenge, for what a new credential can cure. */
  challenge?: 'invalid_token' | 'invalid_request' | 'insufficient_scope' | 'invalid_dpop_proof' | 'use_dpop_nonce';
  /** `error` of an OAuth endpoint (RFC 6749 §5.2 and its extensions), for what such an endpoint refuses. */
  oauth?: string;
  /** Short and stable; the `title` of the problem document. */
  title: string;
  /** What the person who meets it does about it. */
  remedy: string;
}

/** Keeps the codes as types. */
export const defineErrors = <T extends Record<string, ErrorEntry>>(
  errors: T,
): { readonly [K in keyof T]: ErrorEntry } => errors;
