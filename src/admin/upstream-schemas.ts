import * as z from 'zod';
import { checkForwardedHeader, checkIdentityHeader } from '../config/header-rules.ts';
import { credentialHeaders, type UpstreamAuth } from '../model/upstream.ts';
import { timeField } from './field-schemas.ts';
import { UpstreamAuthField, UpstreamAuthView } from './upstream-auth-schema.ts';
import { upstreamUrlFault } from './upstream-url.ts';

/**
 * NFKC first, so that the refusal of `ｇithub` can name what was meant. Look-alikes that it does not fold (`gıthub`) are
 * refused with everything else outside a–z, 0–9 and `-`.
 */
const upstreamNameField = z.string().superRefine((name, ctx) => {
  // Providers send people back to /connect/callback.
  if (name === 'callback') {
    ctx.addIssue({ code: 'custom', message: 'An upstream cannot be named `callback`; choose another name.' });
    return;
  }
  if (/^[a-z0-9-]{1,32}$/.test(name)) return;
  const folded = name.normalize('NFKC').toLowerCase();
  const hint = /^[a-z0-9-]{1,32}$/.test(folded) ? ` Did you mean "${folded}"?` : '';
  ctx.addIssue({ code: 'custom', message: `An upstream name has 1 to 32 of a–z, 0–9 and \`-\`.${hint}` });
});

/** What can be set of an upstream that is declared over the API. */
const settings = {
  transport: z.enum(['http', 'sse']).default('http').describe('`sse` is the older HTTP+SSE of 2024-11-05.'),
  url: z
    .string()
    .max(2000)
    .superRefine((url, ctx) => {
      const message = upstreamUrlFault(url);
      if (message !== null) ctx.addIssue({ code: 'custom', message });
    })
    .describe('Its MCP endpoint.'),
  enabled: z.boolean().default(true),
  auth: UpstreamAuthField.default({ kind: 'none' }),
  identityHeader: z
    .string()
    .max(128)
    .superRefine((name, ctx) => checkIdentityHeader(name, ctx))
    .nullable()
    .default(null)
    .describe('Header in which it is told who calls, in a JWT that the gateway signs. Only of `http`.'),
  forwardHeaders: z
    .array(
      z
        .string()
        .superRefine((name, ctx) => checkForwardedHeader(name, ctx))
        .toLowerCase(),
    )
    .max(50)
    .default([])
    .describe('Headers of the caller that may pass. All others are dropped.'),
  timeoutMs: z.int().min(1).max(86_400_000).default(60_000),
  maxConcurrent: z.int().min(1).max(100_000).default(256),
  audit: z
    .strictObject({
      response: z.enum(['hash', 'content']).default('hash'),
      redact: z.array(z.string().min(1).max(256)).max(100).default([]),
    })
    .prefault({}),
};

interface SetHeaders {
  readonly transport: 'http' | 'sse';
  readonly auth: UpstreamAuth;
  readonly identityHeader: string | null;
  readonly forwardHeaders: readonly string[];
}

/** Nothing that the gateway sets may come from a caller, or be set twice. */
function checkHeaders(
  { transport, auth, identityHeader, forwardHeaders }: SetHeaders,
  ctx: z.core.$RefinementCtx<unknown>,
): void {
  const own = credentialHeaders(auth).map((name) => name.toLowerCase());
  const identity = identityHeader?.toLowerCase();
  const refuse = (field: keyof SetHeaders, message: string) => ctx.addIssue({ code: 'custom', message, path: [field] });
  if (identity !== undefined && own.includes(identity)) {
    refuse('identityHeader', 'The credential under `auth` travels in this header.');
  }
  if (identity !== undefined && transport === 'sse') {
    refuse('identityHeader', 'Over `sse` there is no header for each call; `http` has one.');
  }
  if (forwardHeaders.some((name) => own.includes(name) || name === identity)) {
    refuse(
      'forwardHeaders',
      'The gateway sets one of these headers itself, under `auth` or as `identityHeader`; callers could send a credential of their own.',
    );
  }
}

export const ReplaceUpstreamSchema = z.strictObject(settings).superRefine(checkHeaders).meta({ id: 'ReplaceUpstream' });
export const CreateUpstreamSchema = z
  .strictObject({ name: upstreamNameField, ...settings })
  .superRefine(checkHeaders)
  .meta({ id: 'CreateUpstream' });

export type UpstreamSettings = z.output<typeof ReplaceUpstreamSchema>;

export const StatusSchema = z
  .object({
    state: z.enum(['ready', 'starting', 'failed', 'disabled', 'open-breaker']),
    revision: z.string().nullable().describe('Of MCP, as it was agreed on.'),
    tools: z.int(),
    prompts: z.int(),
    resources: z.int(),
    resourceTemplates: z.int(),
    failedLists: z.array(z.object({ list: z.string(), code: z.string(), message: z.string() })),
    rejectedEntries: z.int().describe('Left out because of their names.'),
    inFlight: z.int(),
    lastError: z.object({ code: z.string(), message: z.string(), at: timeField }).nullable(),
    since: timeField,
  })
  .meta({ id: 'UpstreamStatus' });

const TokenHealthSchema = z
  .object({
    states: z
      .record(z.string(), z.int())
      .describe(
        'How many are in which state. Of connected accounts as in `/connections`; of `client-credentials` and `token-exchange`, as far as they were used since the start: `working`, `failing`, `needs_sign_in`.',
      ),
    expiresAt: timeField
      .nullable()
      .describe('Of tokens that nobody connects: when the first one in use ends; it is replaced before.'),
    lastError: z
      .object({ message: z.string(), at: timeField })
      .nullable()
      .describe('Of tokens that nobody connects, while one is failing; those of accounts are in `/connections`.'),
  })
  .meta({ id: 'TokenHealth' });

export const UpstreamSchema = z
  .object({
    name: z.string(),
    source: z.enum(['file', 'api']).describe('`file`: declared in the configuration file, and changed there.'),
    transport: z.enum(['http', 'sse', 'stdio']),
    url: z.string().optional(),
    command: z.array(z.string()).optional().describe('Of `stdio`: the program alone, without its arguments.'),
    enabled: z.boolean(),
    auth: UpstreamAuthView,
    identityHeader: z.string().nullable(),
    forwardHeaders: z.array(z.string()),
    timeoutMs: z.int(),
    maxConcurrent: z.int(),
    audit: z.object({ response: z.enum(['hash', 'content']), redact: z.array(z.string()) }),
    status: StatusSchema.nullable().describe('How it is doing; null when the gateway is not connecting.'),
    tokens: TokenHealthSchema.nullable().describe('How its tokens are doing; null where none are kept.'),
    createdAt: timeField.optional(),
    updatedAt: timeField.optional(),
    etag: z.string().optional().describe('For `If-Match`. Only of `api` upstreams.'),
  })
  .meta({ id: 'Upstream' });
