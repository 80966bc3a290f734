import type { Logger } from 'pino';
import type { ReferenceSources } from '../config/references.ts';
import { type AppError, toAppError } from '../errors/app-error.ts';
import type { Revision } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import { isPersonal, type Upstream } from '../model/upstream.ts';
import type { CallGuard } from './call-guard.ts';
import type { RejectedEntry } from './catalogue-rules.ts';
import { explainFailure } from './explain-failure.ts';
import { type LoadedCatalogue, loadCatalogue } from './load-catalogue.ts';
import { takesTokens } from './oauth/require-oauth-upstream.ts';
import type { OauthUpstream } from './oauth/upstream-providers.ts';
import { openConnection } from './open-connection.ts';
import type { ClientIdentity } from './own-request.ts';
import { checkReachable } from './reachability.ts';
import type { CredentialOwner } from './resolve-credential.ts';
import { createHttpEndpoint } from './transports/http.ts';
import type { CallLimits, Credential, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamContext } from './upstream-context.ts';

/** `provider`: of tokens, its metadata is found and the gateway is registered there; only for accounts of people. */
export type TestStage = 'reachability' | 'provider' | 'credential' | 'era' | 'handshake' | 'lists';

export interface StageReport {
  readonly stage: TestStage;
  readonly ok: boolean;
  /** What was found; for a failure what went wrong. No secret. */
  readonly detail: string;
  /** For a failure: what to change. */
  readonly advice?: string | undefined;
  readonly durationMs: number;
}

/** What `upstream test` shows. Stages after one that failed are not there. */
export interface UpstreamTestReport {
  readonly upstream: string;
  readonly ok: boolean;
  readonly stages: readonly StageReport[];
  readonly revision?: Revision | undefined;
  readonly serverInfo?: JsonObject | undefined;
  readonly counts?: {
    readonly tools: number;
    readonly prompts: number;
    readonly resources: number;
    readonly resourceTemplates: number;
  };
  readonly rejected?: readonly RejectedEntry[];
}

export interface TestOptions {
  readonly owner: CredentialOwner | undefined;
  readonly identity: ClientIdentity;
  readonly log: Logger;
  readonly references: ReferenceSources;
  readonly credentialOf: (upstream: Upstream, owner: CredentialOwner | undefined) => Credential | Promise<Credential>;
  readonly findProvider: FindProvider;
  /** Hears that the server could not be reached, or (undefined) that it was. */
  readonly observe: (failure: AppError | undefined) => void;
}

/** Does what comes before a token, but asks nobody for one, and says what was found. Rejects with AppError. */
export type FindProvider = (upstream: OauthUpstream) => Promise<string>;

const TIMEOUT_MS = 15_000;
const LIMITS: CallLimits = { timeoutMs: TIMEOUT_MS, maxDurationMs: 4 * TIMEOUT_MS, maxResponseBytes: 64 * 1024 * 1024 };

/**
 * Tries an upstream step by step: can it be reached, is there a credential, which revision does it speak, does it list.
 * It goes over connections of its own, past breaker and bulkhead, so it tells the truth while calls are being refused.
 * Of an upstream with a credential per person only what concerns nobody in particular is tried, unless a person is named.
 */
export async function testUpstream(upstream: Upstream, options: TestOptions): Promise<UpstreamTestReport> {
  const stages: StageReport[] = [];
  const { observe } = options;
  const guard = openGuard(observe);
  const endpoint =
    upstream.transport === 'stdio'
      ? undefined
      : createHttpEndpoint({
          name: upstream.name,
          url: upstream.url,
          limits: LIMITS,
          guard,
          maxConcurrent: 4,
        });
  const context: UpstreamContext = {
    upstream,
    limits: LIMITS,
    guard,
    log: options.log.child({ upstream: upstream.name, test: true }),
    endpoint,
    references: options.references,
    era: undefined,
    eraFound: undefined,
  };
  let connection: UpstreamConnection | undefined;
  let loaded: LoadedCatalogue | undefined;

  /** Runs one stage; undefined when it failed. */
  const run = async <T>(
    stage: TestStage,
    work: () => Promise<T>,
    describe: (found: T) => string,
  ): Promise<T | undefined> => {
    const start = performance.now();
    try {
      const found = await work();
      stages.push({ stage, ok: true, detail: describe(found), durationMs: Math.round(performance.now() - start) });
      return found;
    } catch (thrown) {
      const error: AppError = toAppError(thrown);
      const { detail, advice } = explainFailure(upstream, stage, error);
      if (stage === 'reachability') observe(error);
      stages.push({ stage, ok: false, detail, advice, durationMs: Math.round(performance.now() - start) });
      return undefined;
    }
  };
  const passed = () => stages.every(({ ok }) => ok);

  try {
    if (endpoint !== undefined) {
      const { url } = endpoint;
      await run(
        'reachability',
        () => checkReachable(upstream.name, url, TIMEOUT_MS),
        () => `${url.host} accepts connections.`,
      );
    }
    if (passed() && takesTokens(upstream)) {
      await run(
        'provider',
        () => options.findProvider(upstream),
        (found) => found,
      );
    }
    const personal = isPersonal(upstream.auth) && options.owner === undefined;
    if (passed() && !personal) {
      const credential = await run(
        'credential',
        async () => options.credentialOf(upstream, options.owner),
        describeCredential,
      );
      if (credential !== undefined) {
        connection = await run(
          'handshake',
          () => openConnection(context, { credential, shared: true, identity: options.identity }),
          (open) => `It speaks MCP ${open.revision} (${nameOf(open.serverInfo)}).`,
        );
        if (context.eraFound !== undefined) {
          const last = stages.pop()!;
          stages.push({ stage: 'era', ok: true, detail: context.eraFound, durationMs: 0 }, last);
        }
        const open = connection;
        if (open !== undefined) {
          loaded = await run('lists', () => loadAll(open, credential, options.identity), describeLists);
        }
      }
    }
  } finally {
    await connection?.close().catch(() => {});
    await endpoint?.close();
  }
  const result = report(upstream.name, stages, connection, loaded);
  if (result.ok) observe(undefined);
  return result;
}

/** A test of a failing upstream must get through. */
const openGuard = (observe: TestOptions['observe']): CallGuard => ({
  failure: undefined,
  enter: () => undefined,
  alive: () => observe(undefined),
  leave: (blame) => blame && observe(blame),
  observe,
});

async function loadAll(
  connection: UpstreamConnection,
  credential: Credential,
  identity: ClientIdentity,
): Promise<LoadedCatalogue> {
  const loaded = await loadCatalogue(connection, { credential, identity });
  if (loaded.failed.length > 0) throw loaded.failed[0]!.error;
  return loaded;
}

function describeCredential({ headers }: Credential): string {
  return headers.length === 0 ? 'None is needed.' : `Found: ${headers.map(([name]) => name).join(', ')}.`;
}

function describeLists({ catalogue, rejected }: LoadedCatalogue): string {
  const { tools, prompts, resources, resourceTemplates } = catalogue;
  const counts = `${tools.length} tools, ${prompts.length} prompts, ${resources.length} resources, ${resourceTemplates.length} resource templates`;
  if (rejected.length === 0) return `${counts}.`;
  const first = rejected[0]!;
  return `${counts}. ${rejected.length} entries were left out, such as ${first.name} in ${first.list}: ${first.why}.`;
}

function nameOf({ name, version }: JsonObject): string {
  return JSON.stringify(`${String(name ?? 'unnamed')} ${String(version ?? '')}`.trim().slice(0, 100));
}

function report(
  upstream: string,
  stages: readonly StageReport[],
  connection: UpstreamConnection | undefined,
  loaded: LoadedCatalogue | undefined,
): UpstreamTestReport {
  return {
    upstream,
    ok: stages.every(({ ok }) => ok),
    stages,
    ...(connection && { revision: connection.revision, serverInfo: connection.serverInfo }),
    ...(loaded && {
      counts: {
        tools: loaded.catalogue.tools.length,
        prompts: loaded.catalogue.prompts.length,
        resources: loaded.catalogue.resources.length,
        resourceTemplates: loaded.catalogue.resourceTemplates.length,
      },
      rejected: loaded.rejected,
    }),
  };
}
