import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Database } from '../store/database.ts';
import { CONNECTION_TOKENS } from '../store/ending-connections.ts';
import { deleteSecret, listSecrets, type SecretInfo, type SecretRef } from '../store/secrets.ts';
import { SHARED } from '../vault/vault.ts';
import { checkedEntries, clientEntryOf, isGatewaysOwn, requireKind } from './credential-entries.ts';
import { timeField } from './field-schemas.ts';
import { fileUpstreamsOf, requireUpstream } from './find-upstream.ts';
import { everything } from './pagination.ts';
import type { AdminRequest } from './routes.ts';

const MAX_VALUES = 20;

export const CredentialValuesSchema = z
  .strictObject({
    values: z
      .record(z.string().max(128), z.string().min(1, 'The value is empty.').max(65_536))
      .refine((values) => Object.keys(values).length > 0, 'There is no value here.')
      .refine((values) => Object.keys(values).length <= MAX_VALUES, `Send at most ${MAX_VALUES} values.`)
      .describe(
        'By header name, by the name of a `${vault:NAME}` reference, or `client-secret` or `client-key` of the client that `auth` names. Names that are not here keep their value.',
      ),
  })
  .meta({ id: 'CredentialValues' });

export const StoredValueSchema = z.object({
  name: z.string(),
  owner: z.object({
    kind: z.enum(['shared', 'user', 'service_account']),
    id: z.string().describe('Empty for `shared`.'),
  }),
  updatedAt: timeField,
});
export const StoredCredentialSchema = z
  .object({
    upstream: z.string(),
    values: z.array(StoredValueSchema).describe('What is stored. Values are never shown.'),
  })
  .meta({ id: 'StoredCredential' });

export const SharedCredentialSchema = StoredCredentialSchema.extend({
  unused: z.array(z.string()).describe('Of these values: what nothing in the configuration file refers to yet.'),
  references: z
    .array(z.object({ upstream: z.string(), name: z.string() }))
    .describe('Every `${vault:NAME}` of the configuration file.'),
}).meta({ id: 'SharedCredential' });

export const storedValueView = ({ name: header, owner, updatedAt }: SecretInfo): z.input<typeof StoredValueSchema> => ({
  name: header,
  owner: { kind: owner.kind, id: owner.id },
  updatedAt,
});

/** Of the values only the names are recorded. */
export const recordedValues = ({ values }: z.output<typeof CredentialValuesSchema>) => ({ names: Object.keys(values) });

type CredentialRequest<Body> = Pick<
  AdminRequest<{ name: string }, unknown, Body>,
  'context' | 'caller' | 'params' | 'body'
>;

/**
 * Stores the values for the owner. Throws `conflict` or `unprocessable` for what this upstream cannot use; then nothing
 * is stored.
 */
export async function storeCredential(
  { context, caller, params, body }: CredentialRequest<z.output<typeof CredentialValuesSchema>>,
  owner: SecretRef['owner'],
) {
  const { tenantId } = caller;
  const upstream = await requireUpstream(context, caller, params.name);
  const personal = owner.kind !== 'shared';
  requireKind(upstream, personal);
  for (const [header, value] of checkedEntries(upstream, body.values, personal)) {
    await context.vault.put({ tenantId, upstream: upstream.name, owner, name: header }, value);
  }
  await context.changed({ kind: 'credential', upstream: upstream.name, owner });
  return { body: await storedCredential({ context, caller, params }, owner) };
}

/**
 * The same for everybody. Entries may be stored before the configuration file refers to them, so that it never refers to
 * nothing; what may be a misspelt name is told.
 */
export async function storeSharedCredential(request: CredentialRequest<z.output<typeof CredentialValuesSchema>>) {
  const { body } = await storeCredential(request, SHARED);
  const { context, caller, params } = request;
  const file = fileUpstreamsOf(context, caller).map(({ name }) => name);
  const references = context.vaultReferences.filter(({ upstream }) => file.includes(upstream));
  const { auth } = await requireUpstream(context, caller, params.name);
  const used = (entry: string) =>
    entry === clientEntryOf(auth) || references.some((one) => one.upstream === params.name && one.name === entry);
  const unused = file.includes(params.name) ? Object.keys(request.body.values).filter((entry) => !used(entry)) : [];
  return { body: { ...body, unused, references: references.map((one) => ({ ...one })) } };
}

/**
 * Removes everything that was stored for the owner. Throws `not_found` when that is nothing. What the gateway keeps of
 * connections is not among it: those are ended, so that the provider is told.
 */
export async function removeCredential(
  { context, caller, params }: Omit<CredentialRequest<unknown>, 'body'>,
  owner: SecretRef['owner'],
): Promise<object> {
  const { values } = await storedCredential({ context, caller, params }, owner);
  if (values.length === 0) throw new AppError('not_found', 'There is no such credential.');
  for (const { name: header } of values) {
    await context.vault.remove({ tenantId: caller.tenantId, upstream: params.name, owner, name: header });
  }
  await context.changed({ kind: 'credential', upstream: params.name, owner });
  return {};
}

/** What the owner has stored for the upstream, without values. */
export async function storedCredential(
  { context, caller: { tenantId }, params }: Omit<CredentialRequest<unknown>, 'body'>,
  owner: SecretRef['owner'],
): Promise<z.input<typeof StoredCredentialSchema>> {
  const upstream = params.name;
  const stored = await everything((page) => listSecrets(context.db, { tenantId, upstream, owner, ...page }));
  return { upstream, values: stored.filter(({ name }) => !isGatewaysOwn(name)).map(storedValueView) };
}

/**
 * Removes what is stored for an upstream (of one owner, or of all) and returns how many values it was. Past the vault, so
 * that it can be part of a transaction: call `vault.forget()` after the commit. Tokens stay until they are revoked.
 */
export async function removeCredentials(
  db: Database,
  { tenantId, upstream, owner }: { tenantId: string; upstream: string; owner?: SecretRef['owner'] | undefined },
): Promise<number> {
  const stored = await everything((page) => listSecrets(db, { tenantId, upstream, owner, ...page }));
  const removed = stored.filter(({ name }) => name !== CONNECTION_TOKENS);
  for (const secret of removed) await deleteSecret(db, secret);
  return removed.length;
}
