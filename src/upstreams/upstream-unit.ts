import type { Logger } from 'pino';
import type { ReferenceSources } from '../config/references.ts';
import { AppError } from '../errors/app-error.ts';
import { createLru, type Lru } from '../lib/lru.ts';
import type { JsonRpcMessage } from '../mcp/message.ts';
import type { Catalogue } from '../model/catalogue.ts';
import { isPersonal, type Upstream } from '../model/upstream.ts';
import { type Breaker, createBreaker } from './breaker.ts';
import { type Bulkhead, createBulkhead } from './bulkhead.ts';
import { createCallGuard } from './call-guard.ts';
import type { ChangedPart } from './catalogue-changes.ts';
import { ClientConnections } from './client-connections.ts';
import { openConnection } from './open-connection.ts';
import type { ClientIdentity } from './own-request.ts';
import { pause } from './pause.ts';
import { checkReachable } from './reachability.ts';
import type { CredentialOwner } from './resolve-credential.ts';
import type { ConnectionOptions } from './transports/connection-options.ts';
import { createHttpEndpoint } from './transports/http.ts';
import type { CallLimits, Credential, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamContext } from './upstream-context.ts';
import { UpstreamSlot } from './upstream-slot.ts';
import { type UpstreamStatus, upstreamStatus } from './upstream-status.ts';

export interface UnitOptions {
  readonly upstream: Upstream;
  readonly identity: ClientIdentity;
  readonly credentialOf: (upstream: Upstream, owner: CredentialOwner | undefined) => Credential | Promise<Credential>;
  readonly references: ReferenceSources;
  readonly refreshMs: number;
  readonly log: Logger;
  /** Aborted when the gateway ends. */
  readonly ending: AbortSignal;
  /** With the owner when it is one person's own catalogue, or connection. */
  readonly onChange: (what: ChangedPart, owner: CredentialOwner | undefined) => void;
  readonly onServerMessage: (message: JsonRpcMessage, owner: CredentialOwner | undefined) => void;
}

/** People whose own connection and catalogue are kept. */
const MAX_OWNERS = 1000;
const IDLE_MS = 15 * 60_000;
const REACH_INTERVAL_MS = 60_000;
const REACH_TIMEOUT_MS = 5000;
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
/** Milliseconds that a call may last when it keeps giving signs of life; at least ten times its timeout. */
const MAX_DURATION_MS = 10 * 60_000;

/** Everything about one upstream: what it may take, its connections, its catalogues. Nothing is shared with another. */
export class UpstreamUnit {
  private readonly options: UnitOptions;
  private readonly context: UpstreamContext;
  private readonly bulkhead: Bulkhead;
  private readonly breaker: Breaker;
  private readonly limits: CallLimits;
  /** Absent when every caller has a credential of their own. */
  private readonly common: UpstreamSlot | undefined;
  private readonly owned: Lru<string, UpstreamSlot> = createLru(MAX_OWNERS);
  private readonly clients = new ClientConnections();
  private readonly timers: NodeJS.Timeout[] = [];
  private reach: { ok: boolean; error?: AppError; at: number } | undefined;
  private upstream: Upstream;
  private closed = false;

  constructor(options: UnitOptions) {
    const { upstream } = options;
    this.options = options;
    this.upstream = upstream;
    const log = options.log.child({ upstream: upstream.name });
    this.limits = limitsOf(upstream);
    this.bulkhead = createBulkhead(upstream.maxConcurrent);
    this.breaker = createBreaker({
      onOpen: (retryAfterMs) => {
        log.warn(
          { retryAfterMs: Math.round(retryAfterMs) },
          'the upstream keeps failing; calls to it are refused for now',
        );
        // A look of our own once it may be tried again, so that it comes back without waiting for a caller.
        setTimeout(() => this.common?.refresh(), retryAfterMs + 10).unref();
      },
    });
    const guard = createCallGuard(upstream.name, this.bulkhead, this.breaker);
    const endpoint =
      upstream.transport === 'stdio'
        ? undefined
        : createHttpEndpoint({
            name: upstream.name,
            url: upstream.url,
            limits: this.limits,
            guard,
            maxConcurrent: upstream.maxConcurrent,
          });
    const { references } = options;
    this.context = {
      upstream,
      limits: this.limits,
      guard,
      log,
      endpoint,
      references,
      era: undefined,
      eraFound: undefined,
    };
    this.common = isPersonal(upstream.auth) ? undefined : this.createSlot(undefined);
  }

  start(): void {
    if (!this.upstream.enabled) return;
    if (this.common !== undefined) {
      this.common.start();
      const period = this.options.refreshMs * (0.9 + Math.random() / 5);
      this.timers.push(setInterval(() => this.common?.refresh(), period).unref());
    } else if (this.context.endpoint !== undefined) {
      this.probe();
      this.timers.push(setInterval(() => this.probe(), REACH_INTERVAL_MS).unref());
    }
    if (this.common === undefined) this.timers.push(setInterval(() => this.closeIdle(), REACH_INTERVAL_MS).unref());
  }

  /** Whether a new configuration only changes what can be changed while calls run; then it is taken over. */
  adopt(next: Upstream): boolean {
    if (identityOf(next) !== identityOf(this.upstream)) return false;
    this.upstream = next;
    this.bulkhead.resize(next.maxConcurrent);
    Object.assign(this.limits, limitsOf(next));
    return true;
  }

  shared(owner: CredentialOwner | undefined): Promise<UpstreamConnection> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const slot = this.slotOf(owner);
    return slot === undefined ? Promise.reject(this.needsOwner()) : slot.connection();
  }

  catalogue(owner: CredentialOwner | undefined): Catalogue | undefined {
    if (!this.upstream.enabled) return undefined;
    const slot = this.common ?? (owner && this.owned.get(keyOf(owner)));
    return slot?.catalogueNow();
  }

  loadCatalogue(owner: CredentialOwner | undefined): Promise<Catalogue> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const slot = this.slotOf(owner);
    return slot === undefined ? Promise.reject(this.needsOwner()) : slot.catalogue();
  }

  /** A connection for one client session. @see Upstreams.open */
  async open(options: Omit<ConnectionOptions, 'shared'>): Promise<UpstreamConnection> {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
    if (this.upstream.transport === 'stdio' && this.clients.size >= this.upstream.maxConcurrent) {
      throw new AppError('upstream_busy', `"${this.upstream.name}" already runs for as many sessions as it may.`);
    }
    const connection = await openConnection(this.context, { ...options, shared: false });
    if (this.closed) {
      await connection.close();
      throw this.refusal()!;
    }
    return this.clients.add(connection);
  }

  refresh(): void {
    if (!this.upstream.enabled || this.closed) return;
    this.common?.refresh();
    for (const [, slot] of this.owned.entries()) slot.markStale();
  }

  /** What is sent with the old credential may finish for `graceMs`. */
  async credentialChanged(owner: CredentialOwner | undefined, graceMs: number): Promise<void> {
    if (!this.upstream.enabled || this.closed) return;
    if (owner === undefined) {
      await this.common?.reconnect(graceMs);
      return;
    }
    const slot = this.owned.get(keyOf(owner));
    this.owned.delete(keyOf(owner));
    await slot?.close(graceMs);
  }

  status(): UpstreamStatus {
    return upstreamStatus({
      upstream: this.upstream,
      slot: this.common,
      reach: this.reach,
      failure: this.context.guard.failure,
      breaker: this.breaker.state,
      inFlight: this.bulkhead.inFlight,
    });
  }

  /** Notes what a test found. @see CallGuard */
  observe(failure: AppError | undefined): void {
    this.context.guard.observe(failure);
  }

  /** Ends everything; calls under way may finish for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    const until = performance.now() + graceMs;
    const { ending } = this.options;
    while (this.bulkhead.inFlight > 0 && performance.now() < until && !ending.aborted) await pause(25, ending);
    const slots = [this.common, ...[...this.owned.entries()].map(([, slot]) => slot)];
    await Promise.allSettled([...slots.map((slot) => slot?.close(0)), this.clients.end(this.refusal()!)]);
    await this.context.endpoint?.close();
  }

  private slotOf(owner: CredentialOwner | undefined): UpstreamSlot | undefined {
    if (this.common !== undefined) return this.common;
    if (owner === undefined) return undefined;
    const key = keyOf(owner);
    let slot = this.owned.get(key);
    if (slot === undefined) {
      slot = this.createSlot(owner);
      const evicted = this.owned.set(key, slot);
      evicted?.close(this.limits.timeoutMs).catch(() => {});
    }
    return slot;
  }

  private createSlot(owner: CredentialOwner | undefined): UpstreamSlot {
    const { identity, refreshMs, ending, onChange, onServerMessage, credentialOf } = this.options;
    return new UpstreamSlot({
      context: this.context,
      identity,
      credential: () => credentialOf(this.upstream, owner),
      standing: owner === undefined,
      refreshMs,
      ending,
      onChange: (what) => onChange(what, owner),
      onServerMessage: (message) => onServerMessage(message, owner),
    });
  }

  /** One person's connection is not kept open for ever; nothing can be under way on it any more. */
  private closeIdle(): void {
    const before = performance.now() - Math.max(IDLE_MS, 2 * this.limits.maxDurationMs);
    for (const [key, slot] of this.owned.entries()) {
      if (slot.lastUsedAt > before) continue;
      this.owned.delete(key);
      slot.close(0).catch(() => {});
    }
  }

  private probe(): void {
    checkReachable(this.upstream.name, this.context.endpoint!.url, REACH_TIMEOUT_MS).then(
      () => {
        this.reach = { ok: true, at: Date.now() };
        this.observe(undefined);
      },
      (error: AppError) => {
        this.reach = { ok: false, error, at: Date.now() };
      },
    );
  }

  private refusal(): AppError | undefined {
    const { name, enabled } = this.upstream;
    if (!enabled) return new AppError('upstream_unavailable', `"${name}" is disabled.`);
    return this.closed ? new AppError('upstream_unavailable', `"${name}" was removed or is being changed.`) : undefined;
  }

  private needsOwner(): AppError {
    return new AppError(
      'upstream_credential_missing',
      `"${this.upstream.name}" needs a credential of the person who calls.`,
    );
  }
}

const keyOf = ({ kind, id }: CredentialOwner): string => `${kind}:${id}`;

/** What cannot change while connections are open, as text. */
function identityOf({
  timeoutMs: _,
  maxConcurrent: __,
  forwardHeaders: ___,
  audit: ____,
  source: _____,
  ...rest
}: Upstream): string {
  return JSON.stringify(rest, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort())
      : value,
  );
}

function limitsOf({ timeoutMs }: Upstream): CallLimits {
  return { timeoutMs, maxDurationMs: Math.max(MAX_DURATION_MS, 10 * timeoutMs), maxResponseBytes: MAX_RESPONSE_BYTES };
}
