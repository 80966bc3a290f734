import { AppError, toAppError } from '../errors/app-error.ts';
import type { JsonRpcMessage } from '../mcp/message.ts';
import type { Catalogue } from '../model/catalogue.ts';
import { type ChangedPart, changesBetween, sameRejections } from './catalogue-changes.ts';
import { type LastError, lastErrorOf } from './last-error.ts';
import { listenUpstream } from './listen-upstream.ts';
import { type LoadedCatalogue, loadCatalogue } from './load-catalogue.ts';
import { openConnection } from './open-connection.ts';
import type { ClientIdentity } from './own-request.ts';
import { pause } from './pause.ts';
import type { Credential, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamContext } from './upstream-context.ts';

export interface SlotOptions {
  readonly context: UpstreamContext;
  readonly identity: ClientIdentity;
  readonly credential: () => Credential | Promise<Credential>;
  /**
   * The shared credential's: connects by itself, listens, and refreshes. Without it the slot is one person's, and
   * nothing is sent with their credential but when they call.
   */
  readonly standing: boolean;
  /** Milliseconds after which the catalogue is asked for again. */
  readonly refreshMs: number;
  /** Aborted when the gateway ends: then nothing is waited for any more. */
  readonly ending: AbortSignal;
  readonly onChange: (what: ChangedPart) => void;
  readonly onServerMessage: (message: JsonRpcMessage) => void;
}

/** Milliseconds. A connection that lived as long is not counted as one more failure in a row when it ends. */
const STABLE_MS = 30_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;
/** Between a change that was announced and the reload, and between two reloads: servers announce in bursts. */
const RELOAD_DELAY_MS = 50;
const RELOAD_GAP_MS = 1000;
const WAITS_FOR_A_PERSON: ReadonlySet<string> = new Set(['upstream_credential_missing', 'connection_required']);

/**
 * The gateway's own connection to one upstream with one credential, and the catalogue that it shows. Everything is one
 * flight: however many callers wait, the upstream is asked once. After failures it waits longer and longer, and tells
 * whoever asks meanwhile at once.
 */
export class UpstreamSlot {
  loaded: LoadedCatalogue | undefined;
  lastError: LastError | undefined;
  connectedAt = 0;
  lastUsedAt = performance.now();

  private readonly options: SlotOptions;
  private current: Promise<UpstreamConnection> | undefined;
  private open: UpstreamConnection | undefined;
  private failure: AppError | undefined;
  private failures = 0;
  private nextAttemptAt = 0;
  private loading: Promise<void> | undefined;
  private loadAgain = false;
  private lastLoadAt = Number.NEGATIVE_INFINITY;
  private stopListening: (() => void) | undefined;
  private reconnectTimer: NodeJS.Timeout | undefined;
  private reloadTimer: NodeJS.Timeout | undefined;
  private closed = false;
  /** Counts releases: a connection that was being opened meanwhile is not wanted any more. */
  private epoch = 0;

  constructor(options: SlotOptions) {
    this.options = options;
  }

  /** The open connection, if there is one. */
  get connected(): UpstreamConnection | undefined {
    return this.open;
  }

  /** Opens it when it is not open. Rejects with AppError; at once while a failed upstream is given time. */
  connection(): Promise<UpstreamConnection> {
    this.lastUsedAt = performance.now();
    if (this.current !== undefined) return this.current;
    if (this.closed) return Promise.reject(this.gone());
    if (this.failure !== undefined && performance.now() < this.nextAttemptAt) return Promise.reject(this.failure);
    this.current = this.connect();
    return this.current;
  }

  /** The catalogue, loaded when there is none yet. Rejects with AppError. */
  async catalogue(): Promise<Catalogue> {
    this.lastUsedAt = performance.now();
    if (this.loaded === undefined) await this.load(false);
    return this.catalogueNow() ?? Promise.reject(this.failure ?? this.gone());
  }

  /** From memory. A person's own one is asked for again on their next request once it is old, and not by the clock. */
  catalogueNow(): Catalogue | undefined {
    if (!this.options.standing && this.loaded !== undefined) {
      const now = performance.now();
      this.lastUsedAt = now;
      if (now - this.lastLoadAt > this.options.refreshMs) this.refresh();
    }
    return this.loaded?.catalogue;
  }

  /** As if the catalogue were old: nothing is sent before its owner asks. */
  markStale(): void {
    this.lastLoadAt = Number.NEGATIVE_INFINITY;
  }

  /** Connects and loads now. Failures show in `lastError`, and are tried again. */
  start(): void {
    this.load(false).catch(() => {});
  }

  /** Asks for the lists again soon. Failures show in `lastError`. */
  refresh(): void {
    if (this.closed || this.reloadTimer !== undefined) return;
    const wait = Math.max(RELOAD_DELAY_MS, this.lastLoadAt + RELOAD_GAP_MS - performance.now());
    this.reloadTimer = setTimeout(() => {
      this.reloadTimer = undefined;
      this.load(true).catch(() => {});
    }, wait).unref();
  }

  /** Opens a new connection, with a fresh credential; calls on the old one may finish for `graceMs`. */
  async reconnect(graceMs: number): Promise<void> {
    const old = this.release();
    this.failures = 0;
    this.failure = undefined;
    // A load that is under way may be one with the old credential.
    if (this.options.standing) this.load(true).catch(() => {});
    await this.closeAfter(old, graceMs);
  }

  async close(graceMs: number): Promise<void> {
    this.closed = true;
    await this.closeAfter(this.release(), graceMs);
  }

  private async closeAfter(connection: UpstreamConnection | undefined, graceMs: number): Promise<void> {
    if (connection === undefined) return;
    await pause(graceMs, this.options.ending);
    await connection.close();
  }

  private release(): UpstreamConnection | undefined {
    this.epoch++;
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.reloadTimer);
    this.reloadTimer = undefined;
    this.stopListening?.();
    this.stopListening = undefined;
    const old = this.open;
    this.open = undefined;
    this.current = undefined;
    return old;
  }

  private async connect(): Promise<UpstreamConnection> {
    const { context, identity, standing } = this.options;
    const { epoch } = this;
    try {
      const credential = await this.options.credential();
      const connection = await openConnection(context, {
        credential,
        shared: true,
        identity,
        onServerMessage: (message) => this.heard(message),
      });
      if (epoch !== this.epoch) {
        await connection.close();
        return this.connection();
      }
      this.open = connection;
      this.failure = undefined;
      this.connectedAt = performance.now();
      connection.onClosed((reason) => this.lost(connection, reason));
      if (standing) {
        this.stopListening = listenUpstream(connection, {
          credential: this.options.credential,
          identity,
          log: context.log,
          onMessage: (message) => this.heard(message),
          onReopened: () => this.refresh(),
        });
      }
      if (this.loaded !== undefined) this.refresh();
      return connection;
    } catch (error) {
      if (epoch !== this.epoch) throw error;
      this.current = undefined;
      throw this.failed(toAppError(error));
    }
  }

  private lost(connection: UpstreamConnection, reason: AppError): void {
    if (this.open !== connection) return;
    this.release();
    if (performance.now() - this.connectedAt > STABLE_MS) this.failures = 0;
    this.failed(reason);
  }

  private failed(error: AppError): AppError {
    this.note(error);
    this.failure = error;
    if (this.closed) return error;
    const wait = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.failures, 20)) * (0.75 + Math.random() / 2);
    this.failures++;
    // A credential is there as soon as it is stored, or the account connected: nothing is gained by waiting.
    this.nextAttemptAt = WAITS_FOR_A_PERSON.has(error.code) ? 0 : performance.now() + wait;
    if (this.options.standing) {
      clearTimeout(this.reconnectTimer);
      this.reconnectTimer = setTimeout(() => {
        // Timers may be early by a millisecond; refused then, nobody would try again.
        this.nextAttemptAt = 0;
        this.start();
      }, wait).unref();
    }
    return error;
  }

  /** Loads the lists; whoever asks while that is under way waits for it, and a change announced meanwhile repeats it. */
  private load(changed: boolean): Promise<void> {
    if (this.loading !== undefined) {
      this.loadAgain ||= changed;
      return this.loading;
    }
    this.lastLoadAt = performance.now();
    this.loading = this.loadOnce().finally(() => {
      this.loading = undefined;
      if (!this.loadAgain) return;
      this.loadAgain = false;
      this.refresh();
    });
    return this.loading;
  }

  private async loadOnce(): Promise<void> {
    const { context, identity } = this.options;
    const connection = await this.connection();
    const previous = this.loaded;
    let loaded: LoadedCatalogue;
    try {
      // Not the one that the connection was opened with: a token may have been refreshed since.
      const credential = await this.options.credential();
      loaded = await loadCatalogue(connection, { credential, identity, previous });
    } catch (error) {
      throw this.failed(toAppError(error));
    }
    if (this.closed) return;
    this.loaded = loaded;
    this.failures = 0;
    this.failure = undefined;
    for (const { list, error } of loaded.failed) {
      this.note(error);
      context.log.warn({ list, err: error }, 'a list of the upstream could not be loaded; the previous one stays');
    }
    // One list that times out, after the others came, does not say that the server is away.
    if (loaded.answered) context.guard.observe(undefined);
    if (loaded.failed.length === 0) this.lastError = undefined;
    if (loaded.rejected.length > 0 && !sameRejections(previous, loaded)) {
      context.log.warn(
        { rejected: loaded.rejected.slice(0, 20), count: loaded.rejected.length },
        'entries were left out',
      );
    }
    for (const what of changesBetween(previous, loaded)) this.options.onChange(what);
  }

  private heard(message: JsonRpcMessage): void {
    if ('method' in message && message.method.endsWith('/list_changed')) this.refresh();
    else this.options.onServerMessage(message);
  }

  private note(error: AppError): void {
    this.lastError = lastErrorOf(error);
  }

  private gone(): AppError {
    return new AppError(
      'upstream_unavailable',
      `"${this.options.context.upstream.name}" was removed or is being changed.`,
    );
  }
}
