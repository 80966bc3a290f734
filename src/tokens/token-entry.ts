import type { AgentRef, Caller } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { findGroupByName } from '../store/groups.ts';
import { type LoadedPrincipal, loadPrincipal } from '../store/load-principal.ts';
import { findOauthClient } from '../store/oauth-clients.ts';
import { findOauthGrant } from '../store/oauth-grants.ts';
import { rolesOfSubject } from '../store/role-assignments.ts';
import { applyClaimRules } from './claim-rules.ts';
import type { CachedCredential } from './credential-cache.ts';
import type { ExternalToken } from './external-issuer.ts';
import type { OwnToken } from './own-tokens.ts';
import { refuseToken } from './token-refusal.ts';
import type { VerifiedToken } from './verified-token.ts';

/** A token that was in force when it was loaded. */
export interface TokenEntry extends CachedCredential, Pick<VerifiedToken, 'resources' | 'expiresAt' | 'boundTo'> {}

/** Somebody as another issuer names them. */
export interface ExternalSubject {
  readonly issuer: string;
  readonly subject: string;
  /** The claim that `subject` was read from. */
  readonly subjectClaim: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Whether an account may be made for somebody who comes for the first time. */
  readonly createAccount: boolean;
  /** The claim to name that account by. */
  readonly nameClaim: string | undefined;
}

/** The account of whom a token of another issuer names; null when there is none and none may be made. */
export type AccountOf = (subject: ExternalSubject) => Promise<{ readonly userId: string } | null>;

/** @throws AppError `credential_invalid` when the grant, the client or the principal is not (any more) in force. */
export async function ownTokenEntry(db: Database, tenantId: string, token: OwnToken): Promise<TokenEntry> {
  const agent =
    token.grantId === null
      ? await clientOf(db, tenantId, token.clientId)
      : await clientOfGrant(db, tenantId, token.grantId, token);
  const principal = checkPrincipal(await loadPrincipal(db, { tenantId, id: token.principalId }));
  if (principal.epoch !== token.epoch) throw refuseToken('outdated', principal.id);
  return toEntry(tenantId, token, agent, principal, principal.roles, token.grantId);
}

/** Looked at once more although its end is pushed to us: another process may have revoked it. */
async function clientOfGrant(db: Database, tenantId: string, grantId: string, token: OwnToken): Promise<AgentRef> {
  const grant = await findOauthGrant(db, { tenantId, id: grantId });
  const isTheirs = grant?.principal.id === token.principalId && grant.clientId === token.clientId;
  if (grant === null || !isTheirs || grant.revokedAt !== null) throw refuseToken('grant_revoked', grantId);
  return { kind: 'oauth_client', id: grant.clientId, name: grant.clientName };
}

async function clientOf(db: Database, tenantId: string, id: string): Promise<AgentRef> {
  const client = await findOauthClient(db, { tenantId, id });
  if (client === null || client.status === 'revoked') throw refuseToken('client_revoked', id);
  return { kind: 'oauth_client', id, name: client.name };
}

/**
 * What the rules give holds for this token alone: it is not written to the account, where it would outlive the claim.
 *
 * @throws AppError `credential_invalid` when there is no account, or it is disabled.
 */
export async function externalTokenEntry(
  db: Database,
  tenantId: string,
  token: ExternalToken,
  accountOf: AccountOf,
): Promise<TokenEntry> {
  const { settings, subject, claims, clientId } = token;
  const { issuer, principalClaim: subjectClaim, createAccounts: createAccount, nameClaim, rules } = settings;
  const account = await accountOf({ issuer, subject, subjectClaim, claims, createAccount, nameClaim });
  if (account === null) throw refuseToken('unknown_principal', `${subject} of ${issuer} has no account`);
  const principal = checkPrincipal(await loadPrincipal(db, { tenantId, id: account.userId }));
  const given = applyClaimRules(rules, claims);
  const roles = new Set([...principal.roles, ...given.roles]);
  for (const name of given.groups) {
    const group = await findGroupByName(db, { tenantId, name });
    if (group === null) continue;
    const subject = { kind: 'group', id: group.id } as const;
    for (const role of await rolesOfSubject(db, { tenantId, subject })) roles.add(role);
  }
  // With the issuer in it, the id cannot be taken for that of a client of ours.
  const agent = { kind: 'oauth_client', id: `${issuer}#${clientId ?? ''}`, name: clientId ?? issuer } as const;
  return toEntry(tenantId, token, agent, principal, [...roles].sort(), null);
}

function checkPrincipal(principal: LoadedPrincipal | null): LoadedPrincipal {
  if (principal === null) throw refuseToken('unknown_principal');
  if (principal.status !== 'active') throw refuseToken('principal_disabled', principal.id);
  return principal;
}

function toEntry(
  tenantId: string,
  { resources, expiresAt, boundTo, scopes }: VerifiedToken,
  agent: AgentRef,
  { kind, id, name }: LoadedPrincipal,
  roles: readonly string[],
  grantId: string | null,
): TokenEntry {
  const caller: Caller = {
    tenantId,
    principal: { kind, id, name },
    agent,
    roles,
    grant: { id: grantId, scopes, resource: resources[0]! },
  };
  // Every request of the token shares this object.
  return { caller: Object.freeze(caller), resources, expiresAt, boundTo, stale: false };
}
