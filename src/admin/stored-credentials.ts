import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { Secret } from '../lib/secret.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Database } from '../store/database.ts';
import { deleteSecret, listSecrets, type SecretInfo, type SecretRef } from '../store/secrets.ts';
import { SHARED } from '../vault/vault.ts';
import { inputRefusal } from './check-input.ts';
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
        'By header name, or by the name of a `${vault:NAME}` reference. Names that are not here keep their value.',
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

const VAULT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** RFC 9110 §5.5, without the obsolete bytes above 0x7f. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * The names as the upstream has them. Headers must be ones that it declares; an upstream of the configuration file can
 * also refer to entries of any name. Throws `unprocessable` with every fault, and never repeats a value.
 */
function checkedValues(
  upstream: Upstream,
  values: Readonly<Record<string, string>>,
  personal: boolean,
): [string, Secret][] {
  const declared = upstream.auth.kind === 'none' ? [] : upstream.auth.names;
  const byReference = upstream.source === 'file' && !personal;
  const faults: { path: string; message: string }[] = [];
  const checked = Object.entries(values).map(([given, value]): [string, Secret] => {
    const header = byReference ? undefined : declared.find((known) => known.toLowerCase() === given.toLowerCase());
    const path = `values.${given}`;
    if (byReference && !VAULT_NAME.test(given)) {
      faults.push({ path, message: 'This is no name that `${vault:NAME}` can refer to.' });
    } else if (!byReference && header === undefined) {
      const known = declared.length === 0 ? 'none' : declared.map((one) => `\`${one}\``).join(', ');
      faults.push({ path, message: `The upstream has no such header under \`auth\`; it has ${known}.` });
    } else if (upstream.transport === 'stdio' ? value.includes('\0') : !HEADER_VALUE.test(value)) {
      faults.push({ path, message: 'The value has characters that a header cannot hold, or blanks around it.' });
    }
    return [header ?? given, new Secret(value)];
  });
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The credential', faults);
  return checked;
}

/** Throws `conflict` when the upstream takes another kind of credential than is being stored. */
function requireKind(upstream: Upstream, personal: boolean): void {
  const { auth } = upstream;
  if (personal && auth.kind !== 'headers-per-user') {
    throw new AppError(
      'conflict',
      `"${upstream.name}" has no credentials of single users; its \`auth\` is \`${auth.kind}\`.`,
    );
  }
  if (!personal && upstream.source === 'api' && auth.kind !== 'headers') {
    throw new AppError('conflict', `"${upstream.name}" has no shared credential; its \`auth\` is \`${auth.kind}\`.`);
  }
}

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
  for (const [header, value] of checkedValues(upstream, body.values, personal)) {
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
  const used = (entry: string) => references.some((one) => one.upstream === params.name && one.name === entry);
  const unused = file.includes(params.name) ? Object.keys(request.body.values).filter((entry) => !used(entry)) : [];
  return { body: { ...body, unused, references: references.map((one) => ({ ...one })) } };
}

/** Removes everything that the owner has stored for the upstream. Throws `not_found` when that is nothing. */
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
  return { upstream, values: stored.map(storedValueView) };
}

/**
 * Removes what is stored for an upstream (of one owner, or of all) and returns how many values it was. Past the vault, so
 * that it can be part of a transaction: call `vault.forget()` after the commit.
 */
export async function removeCredentials(
  db: Database,
  { tenantId, upstream, owner }: { tenantId: string; upstream: string; owner?: SecretRef['owner'] | undefined },
): Promise<number> {
  const stored = await everything((page) => listSecrets(db, { tenantId, upstream, owner, ...page }));
  for (const secret of stored) await deleteSecret(db, secret);
  return stored.length;
}
