import type { PrincipalRef } from './principal.ts';

export type AccessKeyKind = 'personal' | 'service';

/** An access key as it is stored and listed. The key itself is shown once, at creation, and kept nowhere. */
export interface AccessKey {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: AccessKeyKind;
  readonly name: string;
  /** First characters of the key, such as `tgp_3kf9…`: to recognise it, useless to call with. */
  readonly hint: string;
  readonly owner: PrincipalRef;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** Written at most once a minute. */
  readonly lastUsedAt: number | null;
  /** The key may only be used from these networks. Empty: from anywhere. */
  readonly cidrs: readonly string[];
  readonly roles: readonly string[];
  /** Globs over `{upstream}__{tool}`. */
  readonly tools: readonly string[];
  /** The key that replaces this one after a rotation; this one then expires at the end of the overlap. */
  readonly successorId: string | null;
}
