/**
 * The short role form. Default deny; any matching `deny` of any role wins over every `allow`. Globs know `*` only
 * (any run of characters) and match the whole name.
 */
export interface RoleRule {
  /** Glob over upstream names. */
  readonly upstream: string;
  /** Globs over names as the upstream knows them. A rule that names none of the three covers all three. */
  readonly tools?: readonly string[] | undefined;
  readonly prompts?: readonly string[] | undefined;
  /** Globs over resource URIs (and URI templates). */
  readonly resources?: readonly string[] | undefined;
  /**
   * Tools only: the rule covers a tool only when its annotations say so. A rule with `when` that names none of the three
   * covers tools alone.
   */
  readonly when?: { readonly readOnly?: boolean | undefined; readonly destructive?: boolean | undefined } | undefined;
}

export interface Role {
  readonly name: string;
  readonly description: string;
  readonly allow: readonly RoleRule[];
  readonly deny: readonly RoleRule[];
}
