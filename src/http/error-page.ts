import { CATALOG, type ErrorCode } from '../errors/catalog.ts';

/**
 * The path of the page about an error: the `type` of problem documents. A path instead of a whole URL, so that it is the
 * same for every gateway and still leads to a page of the one that answered (RFC 9457 §3.1.1).
 */
export const errorPagePath = (code: ErrorCode): string => `/errors/${code}`;

export interface ErrorPage {
  readonly code: string;
  readonly title: string;
  readonly remedy: string;
  /** Of the admin API; the MCP endpoint answers many of them with 200. */
  readonly status: number;
  readonly jsonRpcCode: number;
}

/** What the catalog says about a code; null for what is none. The same for everybody. */
export function errorPage(code: string): ErrorPage | null {
  if (!Object.hasOwn(CATALOG, code)) return null;
  const { title, remedy, rpc } = CATALOG[code as ErrorCode];
  return { code, title, remedy, status: restStatus(code as ErrorCode), jsonRpcCode: rpc };
}

/** The catalog says 200 where JSON-RPC carries the error in a successful HTTP answer; a REST API has no such envelope. */
const REST_STATUS: Partial<Record<ErrorCode, number>> = {
  forbidden: 403,
  invalid_params: 400,
  upstream_credential_missing: 409,
  connection_required: 409,
};

export const restStatus = (code: ErrorCode): number => REST_STATUS[code] ?? CATALOG[code].http;
