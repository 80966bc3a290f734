import * as z from 'zod';
import { deedsOf, type EndedCredentials, MADE_BY_LESSER } from '../tokens/end-lesser-credentials.ts';
import { recordConsequence, type Who } from './audited.ts';
import { principalKindField } from './field-schemas.ts';

const named = z.array(z.object({ id: z.string(), name: z.string() }));

const EndedSchema = z
  .object({
    principal: z.object({ kind: principalKindField, id: z.string() }),
    accessKeys: named,
    clients: named.describe('OAuth clients that acted for the service account. They can be approved again.'),
    setupLink: z.boolean().describe('A link for choosing a password that was not used yet.'),
    password: z.boolean().describe('With its second factor, and whoever was signed in by it. Make a new set-up link.'),
  })
  .meta({ id: 'EndedCredentials' });

/** For the answers of routes by which somebody may come to administer more. */
export const endedField = z
  .array(EndedSchema)
  .describe(
    'What ended because of it: whoever became an owner (or admin) loses the credentials that somebody made for them who is none.',
  );

export const endedView = (ended: readonly EndedCredentials[]): z.input<typeof endedField> =>
  ended.map(({ accessKeys, clients, ...one }) => ({ ...one, accessKeys: [...accessKeys], clients: [...clients] }));

/** Makes it effective and records it, when the transaction is committed. */
export async function announceEnded(request: Who, ended: readonly EndedCredentials[]): Promise<void> {
  const { context } = request;
  for (const one of ended) {
    for (const deed of deedsOf(one)) recordConsequence(request, { ...deed, reason: MADE_BY_LESSER });
    for (const { id } of one.accessKeys) await context.changed({ kind: 'key-revoked', keyId: id });
    for (const { id } of one.clients) await context.signIn?.revokeClient(id);
    const { kind: principalKind, id } = one.principal;
    // Whoever was signed in by the password must be signed out everywhere, as somebody who is disabled is.
    if (one.password) await context.changed({ kind: 'principal-changed', principalKind, id, disabled: true });
  }
}
