/** Why a fetch was not made, or its answer not taken. */
export type SafeFetchFailure =
  /** Not https (or http on loopback, where that is allowed), user information in it, a host that is never fetched. */
  | 'url_not_allowed'
  /** The host is, or resolves to, an address out of reach. */
  | 'address_not_allowed'
  | 'redirected'
  /** The body is larger than allowed. */
  | 'too_large'
  /** The body is compressed, although nobody asked for it. */
  | 'encoded'
  | 'timeout'
  /** No such name, no connection, no valid certificate, or no HTTP. */
  | 'unreachable';

/**
 * The message is for the log and for operators. Whoever chose the URL must be told one and the same thing for every
 * failure: the difference between them maps the network that the gateway is in.
 */
export class SafeFetchError extends Error {
  readonly code: SafeFetchFailure;

  constructor(code: SafeFetchFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SafeFetchError';
    this.code = code;
  }
}
