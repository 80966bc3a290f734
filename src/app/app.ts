import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { DestinationStream } from 'pino';
import { ADMIN_SERVER_OPTIONS } from '../admin/admin-api.ts';
import { type Config, configAtPort } from '../config/config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { refuseCutOff } from '../config/refuse-cut-off.ts';
import { AppError } from '../errors/app-error.ts';
import { createGateway } from '../gateway/gateway.ts';
import { createRefusalRecorder } from '../gateway/refusals.ts';
import { resourceChallenge } from '../http/challenge.ts';
import { createClientAddress } from '../http/client-address.ts';
import { createLoadShedder, type LoadShedder } from '../http/load-shedder.ts';
import { createLogger } from '../http/logger.ts';
import { createMemoryBudget } from '../http/memory-budget.ts';
import { createMetrics } from '../http/metrics.ts';
import { startTracing } from '../http/tracing.ts';
import { createFirstAccounts, type FirstAccounts } from '../identity/create-first-accounts.ts';
import { openSigningKeys } from '../tokens/signing-keys.ts';
import type { UpstreamStatus } from '../upstreams/upstream-status.ts';
import { loadOwnSecret } from '../vault/own-secrets.ts';
import { ANYBODY } from './anybody.ts';
import { followConnection, followIdToken } from './follow-connection.ts';
import { createHeaderCheck } from './header-check.ts';
import { createHttpServer, listen } from './http-server.ts';
import { machineTokenNumbers } from './machine-token-numbers.ts';
import { openState } from './open-state.ts';
import { type Operator, withOperator } from './operator.ts';
import { registerRoutes } from './register-routes.ts';
import { createRequestIds } from './request-ids.ts';
import { createRuntime } from './runtime.ts';
import { openSignIn } from './sign-in.ts';
import { watchClock } from './watch-clock.ts';

export interface AppOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly logTo?: DestinationStream | undefined;
  /** The log is read by a person as it comes and kept by nobody. */
  readonly logIsTerminal?: boolean | undefined;
  /** False: nothing is listened on and no upstream is connected; only `inject` reaches the app. */
  readonly online?: boolean | undefined;
  /** Says when this process has too much to do; watches it unless given. */
  readonly shedder?: LoadShedder | undefined;
  /** Who uses `inject` while offline. */
  readonly operator?: Operator | undefined;
}

export interface App {
  /** Where clients reach it: `publicUrl`, with the real port. */
  readonly url: string;
  readonly config: Config;
  /** Only on the very first start of a data folder. */
  readonly firstAccounts: FirstAccounts | null;
  /** A request to the admin API and service routes without a network. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse>;
  /**
   * Reads upstreams, roles and what else can change live from a new configuration. Returns what waits for a restart.
   * @throws Error for the operator; then everything stays as it was.
   */
  reload(loaded: LoadedConfig): Promise<readonly string[]>;
  upstreamStatus(): readonly UpstreamStatus[];
  /**
   * Stops accepting, lets calls finish for up to `graceMs` (30 s), flushes the audit log and closes everything. For
   * `noticeMs` before, it says that it is not ready and still serves, but nothing twice on one connection: whoever sends a
   * request on a connection that is closed at that moment could not know whether it was made.
   */
  close(graceMs?: number, noticeMs?: number): Promise<void>;
}

const DRAIN_MS = 30_000;
const FLUSH_LAST_USED_MS = 60_000;
/** Of the heap's limit, for the larger bodies that are read or at work. */
const BODIES_SHARE = 0.25;

/** The whole gateway in one process. Throws an Error for the operator; then nothing stays open. */
export async function startApp(first: LoadedConfig, options: AppOptions): Promise<App> {
  const { config: asked } = first;
  const { env, version, online = true } = options;
  const log = createLogger(asked.log.level, options.logTo);
  const state = await openState(asked, { env, version, log, logIsTerminal: options.logIsTerminal });
  /** What ends what was begun, in its order, for a start that fails on the way. */
  const begun: (() => void | Promise<void>)[] = [state.close];
  try {
    return await assemble();
  } catch (error) {
    for (const end of begun.reverse()) await end();
    throw error;
  }

  async function assemble(): Promise<App> {
    let config = asked;
    /** As it was read last, before the real port was known. */
    let read = first;
    let draining = false;
    let refusing = false;
    let addressOf = createClientAddress(config);
    let checkHeaders = createHeaderCheck(config);
    const newRequestId = createRequestIds();
    const shedder = options.shedder ?? createLoadShedder();
    begun.push(shedder.stop);
    const stopClock = watchClock((stepMs) => {
      metrics.observeClockStep();
      log.error({ stepMs }, 'the clock was moved, or the machine slept: keys expire and records are dated by it');
    });
    begun.push(stopClock);
    const signingKeys = config.oauth.enabled ? await openSigningKeys(state) : null;
    const runtime = await createRuntime(config, state, {
      ...{ env, version, log, online, signingKeys },
      config: () => config,
      identity: () => signIn.providers,
      onConnectionChange: (change) => followConnection(gateway, upstreams, change),
    });
    const { keys, upstreams } = runtime;
    const { connections, machine } = runtime.tokens;
    begun.push(connections.close);
    begun.push(upstreams.close);
    const signIn = await openSignIn({
      config: () => config,
      env,
      state,
      keys,
      signingKeys,
      declared: runtime.declared,
      connections,
      onIdTokenKept: (upstream, userId) => followIdToken(gateway, machine, upstream, userId),
      addressOf: (request) => addressOf(request),
      callsUnderWay: () => gateway.callsUnderWay() > 0,
      log,
    });
    begun.push(signIn.close);
    const verifyKey =
      options.operator === undefined || online ? keys.verify : withOperator(keys.verify, options.operator);
    const recordRefusal = createRefusalRecorder(state.audit);
    const { otlpEndpoint } = config.telemetry;
    const tracer = otlpEndpoint === undefined ? undefined : await startTracing(otlpEndpoint, version);
    begun.push(async () => tracer?.close());

    const refused = (requestId: string, address: string, target: string, error: AppError): void => {
      metrics.observeRefusal();
      recordRefusal(requestId, address, target, error);
    };

    const gateway = createGateway({
      upstreams,
      declared: runtime.declared,
      credentialOf: runtime.credentialFor,
      connectLink: (upstream, principal) =>
        signingKeys === null || principal.kind !== 'user' ? null : connections.linkFor(upstream, principal),
      identity: signIn.identity,
      verify: signIn.verify,
      anonymous: config.auth === 'none' ? ANYBODY : null,
      audit: state.audit,
      log,
      requestStateKey: await loadOwnSecret(state.vault, 'request-state-key'),
      tracer,
      observe: (call) => metrics.observeCall(call),
      memory: createMemoryBudget(getHeapStatistics().heap_size_limit * BODIES_SHARE),
      // Read each time, as a reload may have changed them.
      sessionLimits: {
        get idleMs() {
          return config.limits.sessionIdleMs;
        },
        get maxPerPrincipal() {
          return config.limits.maxSessionsPerPrincipal;
        },
      },
      get pageSize() {
        return config.limits.listPageSize;
      },
      version,
      newRequestId,
      addressOf: (http) => addressOf(http),
      checkHeaders: (http) => checkHeaders(http),
      challenge: (error, path) => resourceChallenge(error, config.publicUrl, path),
      dpopNonce: signIn.dpopNonce,
      recordRefusal: refused,
      refuseNow: () => {
        if (refusing) return new AppError('shutting_down');
        return shedder.overloaded ? new AppError('overloaded') : null;
      },
      bodyBytes: config.limits.bodyBytes,
      get depth() {
        return config.limits.depth;
      },
    });
    const metrics = createMetrics({
      callsUnderWay: gateway.callsUnderWay,
      sessions: gateway.sessionCount,
      upstreams: () => upstreams.status(),
      connections: connections.stats,
      machineTokens: () => machineTokenNumbers(machine),
      audit: () => ({ queued: state.audit.stats().queuedRecords, failing: state.audit.stats().state !== 'ok' }),
    });
    signIn.credentials.onRevoked(({ kind, id }) => {
      if (kind === 'principal') gateway.endOfPrincipal(id);
      else if (kind === 'grant') gateway.endOfGrant(id);
      else gateway.endOfAgent(id);
    });

    const http = createHttpServer(config, (request, response) => void gateway.handle(request, response), {
      ...ADMIN_SERVER_OPTIONS,
      genReqId: newRequestId,
      logger: false,
      bodyLimit: config.limits.bodyBytes,
    });
    await registerRoutes(http.fastify, {
      ...{ log, state, runtime, signIn, gateway, verifyKey, metrics, version },
      recordRefusal: refused,
      config: () => config,
      addressOf: (request) => addressOf(request),
      notReady: () => [...(draining ? ['draining'] : []), ...(state.audit.stats().state === 'ok' ? [] : ['audit'])],
      checkHeaders: (request) => checkHeaders(request),
    });
    begun.push(
      () => gateway.close(0),
      () => http.fastify.close(),
    );
    let firstAccounts: FirstAccounts | null = null;
    if (online) {
      await listen(http, config.listen.host, config.listen.port);
      config = configAtPort(config, (http.server.address() as AddressInfo).port);
      checkHeaders = createHeaderCheck(config);
      // Their keys are shown once, so they are made only by a start that nothing stands in the way of any more.
      firstAccounts = await createFirstAccounts(state.db);
      if (firstAccounts !== null) {
        await runtime.apply(config);
        gateway.refresh();
        await gateway.recheck();
      }
    } else await http.fastify.ready();
    if (online) {
      signIn.start();
      connections.start();
    }
    const flushLastUsed = (): Promise<void> =>
      keys.flushLastUsed().catch((error) => log.warn({ err: error }, 'last use of keys was not written'));
    const flushing = setInterval(flushLastUsed, FLUSH_LAST_USED_MS);
    flushing.unref();

    return {
      get url() {
        return config.publicUrl;
      },
      get config() {
        return config;
      },
      firstAccounts,
      inject: (request) => http.fastify.inject(request),
      async reload(loaded) {
        refuseCutOff(read, loaded);
        const restart = await runtime.reload(read.config, loaded.config);
        read = loaded;
        const { listen: listening, publicUrl, dataDir, masterKey } = config;
        config = { ...loaded.config, listen: listening, publicUrl, dataDir, masterKey };
        addressOf = createClientAddress(config);
        checkHeaders = createHeaderCheck(config);
        log.level = config.log.level;
        await signIn.reload();
        gateway.refresh();
        await gateway.recheck();
        return restart;
      },
      upstreamStatus: upstreams.status,
      async close(graceMs = DRAIN_MS, noticeMs = 0) {
        if (draining) return;
        draining = true;
        http.announceEnd();
        if (noticeMs > 0 && (await http.isConnected())) await setTimeout(noticeMs);
        refusing = true;
        const end = performance.now() + graceMs;
        clearInterval(flushing);
        shedder.stop();
        stopClock();
        const stopped = new Promise<void>((resolve) => (online ? http.server.close(() => resolve()) : resolve()));
        await gateway.close(graceMs);
        await http.answered(end - performance.now());
        http.server.closeAllConnections();
        await stopped;
        await http.fastify.close();
        await upstreams.close();
        signIn.close();
        await connections.close();
        await flushLastUsed();
        await tracer?.close();
        await state.close();
      },
    };
  }
}
