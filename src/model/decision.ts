import type { PrimitiveKind } from './catalogue.ts';

/** What is asked: may this caller use this primitive of this upstream? */
export interface Target {
  readonly upstream: string;
  readonly kind: PrimitiveKind;
  /** As the upstream knows it. */
  readonly name: string;
  readonly readOnly: boolean;
  readonly destructive: boolean;
}

export interface Decision {
  readonly allowed: boolean;
  /** One line for the audit log and `policy explain`: which role's rule allowed or denied, or that none allowed. */
  readonly reason: string;
  /** Ids of the determining rules, such as `engineer/allow/0`. Empty for the default deny. */
  readonly rules: readonly string[];
}
