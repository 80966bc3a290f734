import type { IncomingMessage } from 'node:http';
import type { AuditLog } from '../audit/open-audit.ts';
import type { VaultReference } from '../config/vault-references.ts';
import type { AppError } from '../errors/app-error.ts';
import type { Target } from '../model/decision.ts';
import type { Caller, PrincipalKind } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Explanation } from '../policy/explain.ts';
import type { Database } from '../store/database.ts';
import type { SecretRef } from '../store/secrets.ts';
import type { Connections } from '../upstreams/oauth/connections.ts';
import type { KeptTokens } from '../upstreams/oauth/grants/kept-tokens.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import type { RotationReport, Vault } from '../vault/vault.ts';
import type { FailureLog } from './problem-answer.ts';
import type { SignInAdministration } from './sign-in.ts';

/** What a change made stale. Whoever is told drops or rebuilds it before `changed` resolves. */
export type Change =
  /** An upstream was declared, changed or removed over the API. */
  | { readonly kind: 'upstreams' }
  /** A stored credential changed or went away. The vault has told its own listeners already. */
  | { readonly kind: 'credential'; readonly upstream: string; readonly owner: SecretRef['owner'] }
  /** A role was created, changed or removed. */
  | { readonly kind: 'roles' }
  /** Who has which role changed for an unknown number of principals: every verified credential is stale. */
  | { readonly kind: 'assignments' }
  /** Expiry, networks, roles or tool filter of a key changed. */
  | { readonly kind: 'key-changed'; readonly keyId: string }
  /** The key must not be accepted again, and what it has open ends. */
  | { readonly kind: 'key-revoked'; readonly keyId: string }
  /** Roles or status of one principal changed. `disabled` (or removed): what it has open ends. */
  | {
      readonly kind: 'principal-changed';
      readonly principalKind: PrincipalKind;
      readonly id: string;
      readonly disabled: boolean;
    };

/** What the admin API works with. Wired once, in app.ts. */
export interface AdminContext {
  readonly db: Database;
  readonly vault: Vault;
  readonly audit: Pick<
    AuditLog,
    'intent' | 'record' | 'flush' | 'search' | 'tail' | 'export' | 'checkpoint' | 'publicKey' | 'keyId'
  >;
  /** The one verifier of access keys. Throws AppError. */
  verifyKey(key: string, address: string): Caller | Promise<Caller>;
  /** Told about every refused credential, for metrics and the audit log. It must keep floods small itself. */
  recordRefusal?: ((requestId: string, address: string, target: string, error: AppError) => void) | undefined;
  /** The client's address, after trusted proxies. */
  addressOf(request: IncomingMessage): string;
  /** Refuses requests of web pages that are not allowed; see http/host-origin.ts. */
  checkOrigin(request: IncomingMessage): AppError | null;
  readonly upstreams: Pick<Upstreams, 'status' | 'test' | 'catalogue'>;
  /** To upstreams with OAuth. */
  readonly connections: Pick<Connections, 'list' | 'health' | 'disconnect' | 'refresh' | 'linkFor'>;
  /** Tokens that nobody connects. */
  readonly machineTokens: Pick<KeptTokens, 'health'>;
  /** Where browsers reach the gateway, without a path. A getter, too. */
  readonly publicUrl: string;
  readonly policy: {
    /** Throws AppError `unprocessable` whose `data.faults` lists every fault; see policy/validate-roles.ts. */
    validateRoles(input: unknown): Role[];
    explain(caller: Caller, target: Target, existing: readonly Target[]): Explanation;
  };
  /** Declared in the configuration file: shown, never changed here. Read again at every request, so it may be a getter. */
  readonly fileUpstreams: readonly Upstream[];
  /** What those refer to in the vault. A getter, too. */
  readonly vaultReferences: readonly VaultReference[];
  /** As `fileUpstreams`, for roles. */
  readonly fileRoles: readonly Role[];
  /** Null where signing in is switched off. */
  readonly signIn: SignInAdministration | null;
  /** Awaited before the answer, so that a revocation is effective when the call returns. */
  changed(change: Change): Promise<void>;
  /**
   * Re-encrypts the vault under new data keys and moves it to a newly generated master key. Throws AppError `conflict`
   * when the master key is not in a file that the gateway may replace. Absent: this gateway never can.
   */
  rotateMasterKey?: (() => Promise<RotationReport>) | undefined;
  readonly log: FailureLog;
  /** For `whoami` and the OpenAPI document. */
  readonly version: string;
}
