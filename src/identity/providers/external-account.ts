import type { ClaimRule, IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { AppError } from '../../errors/app-error.ts';
import { newId } from '../../lib/ids.ts';
import { levelOf, reaches } from '../../model/admin-level.ts';
import type { Database } from '../../store/database.ts';
import {
  findExternalIdentity,
  insertExternalIdentity,
  listExternalIdentities,
  updateExternalIdentity,
} from '../../store/external-identities.ts';
import { rolesOfPrincipal } from '../../store/role-assignments.ts';
import { transact } from '../../store/transact.ts';
import { findUser, findUserByName, insertUser, type User } from '../../store/users.ts';
import { applyGiven, ensureGroups } from '../../tokens/apply-given.ts';
import { applyClaimRules, type Claims, type Given } from '../../tokens/claim-rules.ts';
import { type EndedCredentials, endLesserCredentials } from '../../tokens/end-lesser-credentials.ts';
import type { EmailAddress } from '../email-address.ts';
import { domainRefusal, verifiedEmail } from './verified-email.ts';

/** Why somebody whom the provider knows may not come. */
export type AccountRefusal =
  | 'subject_invalid'
  | 'email_not_verified'
  | 'domain_not_allowed'
  | 'account_disabled'
  /** An account has the name, and the provider may not sign in to it by e-mail address. */
  | 'account_exists'
  /** The account is linked to somebody else of the same provider: the address was given to another person. */
  | 'account_of_other_subject'
  | 'no_account';

export type ExternalAccount =
  | {
      readonly user: User;
      /** The account is new, or was there and is from now on the person's. */
      readonly isNew: 'created' | 'linked' | null;
      /** Roles or groups are others than before. */
      readonly changed: boolean;
      /** Credentials of somebody who administers more than before, which ended for that. */
      readonly ended: EndedCredentials | null;
    }
  | { readonly refusal: AccountRefusal; readonly user?: User | undefined };

/** Who may come, and what they get. */
export interface AccountPolicy
  extends Pick<IdentityProviderSettings, 'preset' | 'domains' | 'createAccounts' | 'linkByEmail'> {
  /** Null: roles and groups stay as they are, as these claims say nothing about them. */
  readonly rules: readonly ClaimRule[] | null;
}

export interface ExternalPerson {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
  /** The claim that `subject` was read from; `sub` when absent. */
  readonly subjectClaim?: string | undefined;
  readonly claims: Claims;
  /** How a new account is named; by default by the verified address, or by issuer and subject. */
  readonly name?: string | undefined;
}

/** OpenID Connect Core §2: at most 255 characters. */
const SUBJECT = /^[^\p{C}]{1,255}$/u;
const MAX_DISPLAY_NAME = 128;

/**
 * What a subject is unique in. `sub` is what an issuer never gives to another (OpenID Connect Core 1.0 §2); the value of
 * another claim may be the `sub` of somebody else, so it is kept apart. An issuer has no fragment (RFC 8414 §2).
 */
export const subjectNamespace = (issuer: string, subjectClaim = 'sub'): string =>
  subjectClaim === 'sub' ? issuer : `${issuer}#${subjectClaim}`;

/**
 * The account of somebody who signed in at a provider, made at the first time if the settings say so, with the roles and
 * groups that its claims give. Who it is, is decided by issuer and subject alone. An e-mail address opens an existing
 * account only where `linkByEmail` says that the provider owns the domain, and only if no other subject has that account.
 */
export async function externalAccount(
  db: Database,
  policy: AccountPolicy,
  person: ExternalPerson,
  now: number,
): Promise<ExternalAccount> {
  if (!SUBJECT.test(person.subject)) return { refusal: 'subject_invalid' };
  const email = verifiedEmail(policy, person.claims);
  const refusal = domainRefusal(policy, person.claims, email);
  if (refusal !== null) return { refusal };
  const given = policy.rules === null ? null : applyClaimRules(policy.rules, person.claims);
  const groups = await ensureGroups(db, person.tenantId, given?.groups ?? [], now);
  const admit = (): Promise<ExternalAccount> =>
    transact(db, async (trx) => {
      const account = await findOrMake(trx, policy, person, email, now);
      if ('refusal' in account) return account;
      const { user, isNew, before } = account;
      const { tenantId } = person;
      const was = await levelOfUser(trx, user);
      const applied = await applyGiven(trx, { tenantId, userId: user.id, before, after: given ?? before }, groups, now);
      const level = applied.changed ? await levelOfUser(trx, user) : was;
      const hasRisen = level !== 'none' && !reaches(was, level);
      const ended = hasRisen
        ? await endLesserCredentials(trx, { tenantId, kind: 'user', id: user.id, level }, now)
        : null;
      const seen = { email: email?.text ?? null, given: applied.given, lastLoginAt: now };
      const issuer = subjectNamespace(person.issuer, person.subjectClaim);
      await updateExternalIdentity(trx, { ...person, issuer }, seen);
      return { user, isNew, changed: applied.changed, ended };
    });
  try {
    return await admit();
  } catch (error) {
    // The same person signed in twice at the same moment; the other one has made the account.
    if (error instanceof AppError && error.code === 'conflict') return admit();
    throw error;
  }
}

const levelOfUser = async (trx: Database, { tenantId, id }: User) =>
  levelOf(await rolesOfPrincipal(trx, { tenantId, kind: 'user', id }));

const NOTHING: Given = { roles: [], groups: [] };

type Found =
  | { readonly refusal: AccountRefusal; readonly user?: User | undefined }
  | { readonly user: User; readonly isNew: 'created' | 'linked' | null; readonly before: Given };

async function findOrMake(
  trx: Database,
  policy: AccountPolicy,
  person: ExternalPerson,
  email: EmailAddress | null,
  now: number,
): Promise<Found> {
  const { tenantId, issuer, subject, claims } = person;
  const namespace = subjectNamespace(issuer, person.subjectClaim);
  const known = await findExternalIdentity(trx, { tenantId, issuer: namespace, subject });
  if (known !== null) {
    const user = (await findUser(trx, { tenantId, id: known.userId }))!;
    if (user.status !== 'active') return { refusal: 'account_disabled', user };
    return { user, isNew: null, before: known.given };
  }
  const name = person.name ?? email?.text ?? `${issuer}#${subject}`;
  const named = await findUserByName(trx, { tenantId, name });
  if (named !== null) {
    const refusal = await linkRefusal(trx, policy, named, issuer, name === email?.text ? email : null);
    if (refusal !== null) return { refusal, user: named };
  } else if (!policy.createAccounts) return { refusal: 'no_account' };
  const user =
    named ??
    (await insertUser(trx, {
      tenantId,
      id: newId('usr', now),
      name,
      displayName: displayNameOf(claims) ?? name,
      createdAt: now,
    }));
  const identity = { tenantId, issuer: namespace, subject, userId: user.id, email: email?.text ?? null };
  await insertExternalIdentity(trx, { ...identity, given: NOTHING, createdAt: now, lastLoginAt: now });
  return { user, isNew: named === null ? 'created' : 'linked', before: NOTHING };
}

/** Why an existing account is not the person's only because its name is their address. */
async function linkRefusal(
  trx: Database,
  policy: AccountPolicy,
  user: User,
  issuer: string,
  email: EmailAddress | null,
): Promise<AccountRefusal | null> {
  const owned =
    email !== null && policy.linkByEmail && policy.domains.some((domain) => domain.toLowerCase() === email.domain);
  if (!owned) return 'account_exists';
  if (user.status !== 'active') return 'account_disabled';
  const identities = await listExternalIdentities(trx, { tenantId: user.tenantId, userId: user.id });
  // Another issuer may have made the account, and named it by what its people write themselves: whoever got the name there
  // must have been known by this very address, or two persons would share one account.
  const isOthers = identities.some(
    (identity) =>
      identity.issuer === issuer ||
      identity.issuer.startsWith(`${issuer}#`) ||
      identity.email?.toLowerCase() !== email.text.toLowerCase(),
  );
  return isOthers ? 'account_of_other_subject' : null;
}

function displayNameOf({ name }: Claims): string | null {
  if (typeof name !== 'string') return null;
  // No control characters, and nothing that turns the direction of the text around it.
  const plain = name.replaceAll(/\p{C}/gu, '').trim();
  return plain === '' ? null : plain.slice(0, MAX_DISPLAY_NAME);
}
