/** How the tokens of one upstream are doing, those of all owners together. */
export interface TokenHealth {
  /**
   * Owners by state. Of connected accounts: `connected`, `needs_reauth`, `needs_scopes`, `failing`, `changed_issuer`. Of
   * machine grants, as far as this process has used them: `working`, `failing`, `needs_sign_in`.
   */
  readonly states: Readonly<Record<string, number>>;
  /** Of machine grants: when the first of the tokens in use is replaced at the latest. Milliseconds since the epoch. */
  readonly expiresAt: number | null;
  /** Of machine grants, while one is failing: the newest. */
  readonly lastError: { readonly message: string; readonly at: number } | null;
}
