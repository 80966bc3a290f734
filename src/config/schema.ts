import * as z from 'zod';
import { OauthSchema } from './oauth-schema.ts';
import {
  checkAllowedHost,
  checkAllowedOrigin,
  checkHttpUrl,
  checkListenHost,
  checkNetwork,
  checkPublicUrl,
} from './text-rules.ts';
import { traits } from './traits.ts';

const count = (min: number, max: number) => z.int().min(min).max(max);
const milliseconds = () => count(1, 86_400_000);

const listen = z.strictObject({
  host: z
    .string()
    .superRefine(checkListenHost)
    .default('127.0.0.1')
    .describe('Address to listen on. Anything but loopback needs `publicUrl`.')
    .register(traits, { flag: 'host' }),
  port: count(0, 65_535)
    .default(8420)
    .describe('Port to listen on; 0 takes a free one.')
    .register(traits, { flag: 'port' }),
});

const masterKey = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File that holds the key; only its owner may read it. Created at the first start if it is the default one.',
    )
    .register(traits, { default: '`{dataDir}/master.key`' }),
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .optional()
    .describe('Name of the environment variable that holds the key.')
    .register(traits, { type: 'name of a variable' }),
  fd: count(3, 1_000_000).optional().describe('Number of an open file descriptor to read the key from.'),
});

const audit = z.strictObject({
  mode: z
    .enum(['strict', 'async'])
    .default('strict')
    .describe(
      '`strict`: a call goes out only after its record is on disk. `async`: it goes out at once, and the last records before a crash may be lost.',
    ),
  deadlineMs: milliseconds()
    .default(2000)
    .describe('Milliseconds after which a call whose record is still not on disk is refused (strict mode).'),
  checkpointRecords: count(1, 1_000_000).default(1000).describe('Records after which a signed checkpoint is written.'),
  checkpointSeconds: count(1, 86_400)
    .default(60)
    .describe('Seconds after which a signed checkpoint is written when there are new records.'),
});

/** Given to the listener when it is made. */
const RESTART = { restart: true } as const;

const limits = z.strictObject({
  bodyBytes: count(1024, 268_435_456)
    .default(4_194_304)
    .describe('Largest request body, in bytes.')
    .register(traits, RESTART),
  depth: count(4, 1000).default(64).describe('Deepest nesting of arrays and objects in a message.'),
  headerTimeoutMs: milliseconds()
    .default(10_000)
    .describe('Milliseconds within which a client must have sent its headers.')
    .register(traits, RESTART),
  requestTimeoutMs: milliseconds()
    .default(30_000)
    .describe('Milliseconds within which a client must have sent its whole request.')
    .register(traits, RESTART),
  connectionsPerAddress: count(1, 1_000_000)
    .default(4096)
    .describe('Open connections that one address may have. `trustedProxies` may have any number.')
    .register(traits, RESTART),
  sessionIdleMs: count(1000, 604_800_000)
    .default(1_800_000)
    .describe('Milliseconds after which an unused session (protocol versions up to 2025-11-25) is ended.'),
  maxSessionsPerPrincipal: count(1, 1_000_000).default(1000).describe('Sessions that one principal may have open.'),
  listPageSize: count(1, 100_000).default(1000).describe('Entries on one page of a list, such as `tools/list`.'),
});

/**
 * Everything but the entries of `upstreams` (upstream-schema.ts has them) and `roles` (the policy reads those). The docs,
 * the flags and the environment variables are derived from this schema.
 */
export const SettingsSchema = z.strictObject({
  listen: listen.prefault({}).describe('Where the gateway listens.').register(traits, { restart: true }),
  publicUrl: z
    .string()
    .superRefine(checkPublicUrl)
    .transform((text) => new URL(text).origin)
    .optional()
    .describe(
      'The one address that clients know the gateway by, such as `https://mcp.example.com`: every URL that the gateway hands out is built from it, never from request headers. https, except on loopback; no path.',
    )
    .register(traits, { default: '`http://{listen.host}:{listen.port}`', type: 'URL', restart: true }),
  dataDir: z
    .string()
    .min(1)
    .default('./toolgate-data')
    .describe('Folder of the databases and the generated master key. Created with mode 0700.')
    .register(traits, { restart: true }),
  allowedHosts: z
    .array(z.string().superRefine(checkAllowedHost))
    .default([])
    .describe(
      'More `Host` header values to accept, each `host` or `host:port`, beside the host of `publicUrl` and loopback. No wildcards.',
    ),
  allowedOrigins: z
    .array(z.string().superRefine(checkAllowedOrigin))
    .default([])
    .describe(
      'Web origins, such as `https://app.example.com`, whose pages may call the gateway, beside its own. No wildcards.',
    ),
  trustedProxies: z
    .array(z.string().superRefine(checkNetwork))
    .default([])
    .describe(
      'Networks (CIDR) of the reverse proxies whose `X-Forwarded-For` is believed. Nobody is believed by default.',
    ),
  auth: z
    .enum(['keys', 'none'])
    .default('keys')
    .describe(
      '`keys`: every call needs an access key. `none`: anybody may call everything; only on loopback, for trying things out.',
    )
    .register(traits, { restart: true }),
  masterKey: masterKey
    .prefault({})
    .describe('The key that encrypts stored credentials: at most one of these three.')
    .register(traits, { oneOf: true, restart: true }),
  audit: audit.prefault({}).describe('The record of every call and change.').register(traits, { restart: true }),
  limits: limits.prefault({}).describe('What one client may take.'),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info')
        .describe('Least severe level that is logged.'),
    })
    .prefault({})
    .describe('The log, as JSON lines on standard error.'),
  telemetry: z
    .strictObject({
      otlpEndpoint: z
        .string()
        .superRefine(checkHttpUrl)
        .optional()
        .describe('OTLP/HTTP endpoint that traces are sent to, such as `http://127.0.0.1:4318`. No traces without it.')
        .register(traits, { type: 'URL' }),
    })
    .prefault({})
    .describe('OpenTelemetry.')
    .register(traits, { restart: true }),
  oauth: OauthSchema.prefault({}).describe('Signing in with OAuth 2.1.'),
  upstreams: z
    .array(z.unknown())
    .default([])
    .describe('The MCP servers behind the gateway.')
    .register(traits, { type: 'list' }),
  roles: z
    .array(z.unknown())
    .default([])
    .describe('Roles that are kept in the file instead of the database.')
    .register(traits, { type: 'list' }),
});

export type Settings = z.infer<typeof SettingsSchema>;
