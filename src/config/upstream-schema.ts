import * as z from 'zod';
import { checkForwardedHeader, checkIdentityHeader, checkVariable } from './header-rules.ts';
import { checkHttpUrl } from './text-rules.ts';
import { traits } from './traits.ts';
import { UpstreamAuthSchema } from './upstream-auth-schema.ts';

const shared = {
  name: z
    .string()
    .regex(/^(?!callback$)[a-z0-9-]{1,32}$/)
    .describe(
      '1 to 32 of a–z, 0–9 and `-`; unique, and not `callback`. Its tools are called `{name}__{tool}` on `/mcp`.',
    ),
  enabled: z.boolean().default(true).describe('`false` keeps the entry but neither connects nor shows it.'),
  timeoutMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(60_000)
    .describe('Milliseconds without any sign of life from the upstream after which a call is given up.'),
  maxConcurrent: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe('Calls under way at once; more are refused, so that one slow upstream cannot take everything.'),
  audit: z
    .strictObject({
      response: z
        .enum(['hash', 'content'])
        .default('hash')
        .describe('What the audit log keeps of an answer: its size and hash, or also its redacted content.'),
      redact: z
        .array(z.string().min(1))
        .default([])
        .describe('Globs over argument names whose values are never recorded, beside what is redacted anyway.'),
    })
    .prefault({})
    .describe('What is recorded about its calls.'),
};

/** An upstream that is reached over the network. */
export const HttpUpstreamSchema = z.strictObject({
  name: shared.name,
  url: z.string().superRefine(checkHttpUrl).describe('Its MCP endpoint.').register(traits, { type: 'URL' }),
  transport: z
    .enum(['http', 'sse'])
    .default('http')
    .describe('`http` is Streamable HTTP; `sse` the older HTTP+SSE of 2024-11-05.'),
  auth: UpstreamAuthSchema,
  identityHeader: z
    .string()
    .superRefine(checkIdentityHeader)
    .optional()
    .describe(
      'Header in which it is told who calls: a JWT that the gateway signs (keys at `{publicUrl}/oauth/jwks`), valid for a minute, for this upstream alone. It can stand beside any `auth`.',
    ),
  forwardHeaders: z
    .array(
      z
        .string()
        .superRefine((name, ctx) => checkForwardedHeader(name, ctx))
        .toLowerCase(),
    )
    .default([])
    .describe('Headers of the caller that may pass. All others are dropped.'),
  timeoutMs: shared.timeoutMs,
  maxConcurrent: shared.maxConcurrent,
  enabled: shared.enabled,
  audit: shared.audit,
});

/** An upstream that the gateway starts as a process and speaks to over its standard input and output. */
export const StdioUpstreamSchema = z.strictObject({
  name: shared.name,
  command: z
    .array(z.string().regex(/^[^\0]*$/))
    .min(1)
    .describe('Program and arguments, as a list. There is no shell: no quoting, no `$VARIABLES`, no pipes.'),
  env: z
    .record(z.string(), z.string())
    .superRefine((variables, ctx) => {
      for (const [name, value] of Object.entries(variables)) checkVariable(name, value, ctx);
    })
    .default({})
    .describe(
      'Its environment. Of the gateway’s own only `PATH` is passed on; refer to the rest with `${env:NAME}`, to the vault with `${vault:NAME}`.',
    )
    .register(traits, { type: 'map of text' }),
  transport: z.enum(['stdio']).default('stdio').describe('Follows from `command`.'),
  cwd: z
    .string()
    .min(1)
    .optional()
    .describe('Its working directory, relative to the configuration file.')
    .register(traits, { default: 'that of the gateway' }),
  isolation: z
    .enum(['shared', 'session'])
    .default('shared')
    .describe(
      '`shared`: one process for everybody. `session`: one for each client session, which may then ask the client back.',
    ),
  timeoutMs: shared.timeoutMs,
  maxConcurrent: shared.maxConcurrent,
  enabled: shared.enabled,
  audit: shared.audit,
});

export type HttpUpstreamEntry = z.infer<typeof HttpUpstreamSchema>;
export type StdioUpstreamEntry = z.infer<typeof StdioUpstreamSchema>;
