import { Readable } from 'node:stream';
import * as z from 'zod';
import { requireOperator } from './authorize.ts';
import { pageQuery, toPageBody } from './pagination.ts';
import { defineRoute, type Route } from './routes.ts';

const tag = 'Audit';

/** The audit log gives no more at once. */
const MAX_ENTRIES = 500;
const CHUNK_CHARACTERS = 64 * 1024;

const time = z.coerce.number().int().min(0);
const text = z.string().min(1).max(512);

const EntrySchema = z
  .looseObject({
    seq: z.int().describe('1, 2, 3… over the whole life of the log.'),
    id: z.string(),
    phase: z.enum(['intent', 'outcome', 'event']),
    action: z.string(),
    requestId: z.string(),
    time: z.int(),
    grantId: z.string().optional().describe('Of a call with an access token: the grant that it was issued for.'),
    hash: z.string().describe('Of the chain, hex.'),
  })
  .meta({ id: 'AuditEntry', description: 'A record as it was written; an intent together with its outcome.' });

/** JSON Lines in chunks of some size: one write per line would cost more than the rest. */
async function* asJsonLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = '';
  for await (const line of lines) {
    chunk += `${line}\n`;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

const readRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/audit/events',
    tag,
    operationId: 'searchAudit',
    summary: 'Search the audit log',
    description: 'Everything that is given must hold. `x*` in `tool` and `action` finds all that begin with x.',
    access: 'admin',
    query: z.strictObject({
      ...pageQuery,
      principal: text.optional().describe('Id or name of the user or service account.'),
      agent: text.optional().describe('Id or name of the access key.'),
      upstream: text.optional(),
      tool: text.optional().describe('Tool, prompt, resource URI, or what an administrator changed.'),
      action: text.optional().describe('Such as `tool.call` or `key.*`.'),
      decision: z.enum(['allow', 'deny']).optional(),
      outcome: z.enum(['ok', 'tool_error', 'error', 'failed', 'cancelled', 'unknown', 'pending']).optional(),
      from: time.optional().describe('Milliseconds since 1970, inclusive.'),
      to: time.optional().describe('Milliseconds since 1970, exclusive.'),
    }),
    answer: {
      status: 200,
      description: `Newest first, at most ${MAX_ENTRIES}.`,
      schema: z.object({ items: z.array(EntrySchema), nextCursor: z.string().nullable() }),
    },
    async handle({ context: { audit }, caller: { tenantId }, query: { cursor, limit, ...filters } }) {
      const { entries, next } = await audit.search({
        ...filters,
        tenantId,
        after: cursor,
        limit: Math.min(limit, MAX_ENTRIES),
      });
      return { body: toPageBody({ items: entries, next }, (entry) => ({ ...entry })) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/audit/tail',
    tag,
    operationId: 'tailAudit',
    summary: 'Follow the audit log',
    description: 'Single records, oldest first. Call again with `nextCursor`, which is never null: there will be more.',
    access: 'admin',
    query: z.strictObject(pageQuery),
    answer: {
      status: 200,
      description: `What came after the cursor, at most ${MAX_ENTRIES}; without one the newest records.`,
      schema: z.object({ items: z.array(EntrySchema), nextCursor: z.string() }),
    },
    async handle({ context: { audit }, caller: { tenantId }, query: { cursor, limit } }) {
      const { records, next } = await audit.tail({ tenantId, after: cursor, limit: Math.min(limit, MAX_ENTRIES) });
      const { items, nextCursor } = toPageBody({ items: records, next }, (record) => ({ ...record }));
      return { body: { items, nextCursor: nextCursor ?? '' } };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/audit/public-key',
    tag,
    operationId: 'getAuditPublicKey',
    summary: 'The key that checkpoints are signed with',
    description: 'Give it to auditors on another way than the export: `toolgate audit verify` needs nothing else.',
    access: 'admin',
    answer: {
      status: 200,
      description: 'An Ed25519 public key.',
      schema: z
        .object({ algorithm: z.literal('Ed25519'), keyId: z.string(), publicKey: z.string().describe('PEM.') })
        .meta({ id: 'AuditPublicKey' }),
    },
    async handle({ context: { audit } }) {
      return { body: { algorithm: 'Ed25519' as const, keyId: audit.keyId, publicKey: audit.publicKey } };
    },
  }),
];

const operatorRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/audit/export',
    tag,
    operationId: 'exportAudit',
    summary: 'Export the whole audit log as JSON Lines',
    description: 'Ends with a signed checkpoint, so that a cut tail shows. Who exported is recorded.',
    access: 'admin',
    action: 'audit.export',
    target: () => 'audit',
    answer: { status: 200, description: 'As `toolgate audit verify` reads it.', mediaType: 'application/x-ndjson' },
    async handle({ context: { audit }, caller }) {
      requireOperator(caller);
      // An export of what is not written yet would end before its own intent.
      await audit.flush();
      return { stream: Readable.from(asJsonLines(audit.export())), fileName: 'toolgate-audit.jsonl' };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/audit/checkpoints',
    tag,
    operationId: 'createAuditCheckpoint',
    summary: 'Sign the present state of the audit log',
    description:
      'Keep the line where nobody who can write the data folder can change it, and give it to `audit verify`.',
    access: 'admin',
    action: 'audit.checkpoint',
    target: () => 'audit',
    answer: {
      status: 201,
      description: 'The signed checkpoint.',
      schema: z.object({ checkpoint: z.string().describe('One line of JSON.') }).meta({ id: 'AuditCheckpoint' }),
    },
    async handle({ context: { audit }, caller }) {
      requireOperator(caller);
      return { body: { checkpoint: await audit.checkpoint() } };
    },
  }),
];

/** What happened. Verifying an export is done by whoever has it, with the public key alone. */
export const auditRoutes: readonly Route[] = [...readRoutes, ...operatorRoutes];
