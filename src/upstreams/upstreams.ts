import type { Logger } from 'pino';
import type { ReferenceSources } from '../config/references.ts';
import { AppError } from '../errors/app-error.ts';
import type { JsonRpcMessage } from '../mcp/message.ts';
import type { Catalogue, Revision } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import type { Upstream } from '../model/upstream.ts';
import type { ChangedPart } from './catalogue-changes.ts';
import type { CredentialOwner } from './resolve-credential.ts';
import { type FindProvider, testUpstream, type UpstreamTestReport } from './test-upstream.ts';
import type { Credential, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamStatus } from './upstream-status.ts';
import { UpstreamUnit } from './upstream-unit.ts';

export interface UpstreamsOptions {
  readonly upstreams: readonly Upstream[];
  readonly credentialOf: (upstream: Upstream, owner: CredentialOwner | undefined) => Credential | Promise<Credential>;
  /** For `test()`. */
  readonly findProvider: FindProvider;
  /** Where `${env:NAME}` and `${vault:NAME}` of an upstream lead. */
  readonly references: (upstream: string) => ReferenceSources;
  readonly log: Logger;
  /** Who the gateway says that it is on its own connections, such as `{ name: 'toolgate', version: '1.0.0' }`. */
  readonly clientInfo: JsonObject;
  /** Milliseconds after which a catalogue is asked for again without a reason. */
  readonly refreshMs?: number;
}

export interface OpenOptions {
  readonly credential: Credential;
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
  readonly revision: Revision;
}

export interface CatalogueChange {
  readonly upstream: string;
  readonly what: ChangedPart;
  /** Whose own catalogue it is; absent for the one that everybody shares. */
  readonly owner?: CredentialOwner;
}

export interface ServerMessage {
  readonly upstream: string;
  /** A notification of a shared connection: `resources/updated`, `message` (logging) and whatever else is not a list change. */
  readonly message: JsonRpcMessage;
  /** Whose own connection it came over; absent for the one that everybody shares. */
  readonly owner?: CredentialOwner;
}

/** All upstreams. A slow or dead one delays nobody but those who call it, and these not for long. */
export interface Upstreams {
  /**
   * Takes a new configuration. Upstreams that did not change are not touched; limits change in place; others are opened
   * anew, and calls that are under way on the old connections may finish.
   */
  replace(upstreams: readonly Upstream[]): Promise<void>;
  /** In the order of the configuration. */
  status(): UpstreamStatus[];
  /** What the upstream offers, from memory; undefined while that could not be had. The last known one while it is down. */
  catalogue(name: string, owner?: CredentialOwner): Catalogue | undefined;
  /** The same, loaded first when it is not in memory. Rejects with AppError. */
  loadCatalogue(name: string, owner?: CredentialOwner): Promise<Catalogue>;
  /** Asks for the catalogue again soon; those of single persons when they next ask. */
  refresh(name: string): void;
  /** The gateway's own connection, opened when it is not open. Rejects with AppError, at once while a failed upstream rests. */
  shared(name: string, owner?: CredentialOwner): Promise<UpstreamConnection>;
  /** A new connection for one client session, which closes it. Rejects with AppError. */
  open(name: string, options: OpenOptions): Promise<UpstreamConnection>;
  /** A stored value changed: connections that were opened with the old one are replaced. No owner: the shared one. */
  credentialChanged(name: string, owner?: CredentialOwner): void;
  /** Returns what takes the listener away. */
  onChange(listener: (change: CatalogueChange) => void): () => void;
  onServerMessage(listener: (event: ServerMessage) => void): () => void;
  /** Tries everything step by step, on connections of its own. Never rejects for what is wrong with the upstream. */
  test(name: string, owner?: CredentialOwner): Promise<UpstreamTestReport>;
  /** Ends all connections and processes at once. */
  close(): Promise<void>;
}

const REFRESH_MS = 5 * 60_000;
/** Milliseconds that calls may go on over a connection that a change of configuration or credential has replaced. */
const GRACE_MS = 30_000;

const unknown = (name: string): AppError => new AppError('not_found', `There is no upstream "${name}".`);

export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const changeListeners = new Set<(change: CatalogueChange) => void>();
  const messageListeners = new Set<(event: ServerMessage) => void>();
  const closing = new Set<Promise<void>>();
  const ending = new AbortController();
  const identity = { clientInfo: options.clientInfo, clientCapabilities: {} };
  let declared = options.upstreams;
  let units = new Map<string, UpstreamUnit>();

  const add = (upstream: Upstream): UpstreamUnit => {
    const unit = new UpstreamUnit({
      upstream,
      identity,
      credentialOf: options.credentialOf,
      references: options.references(upstream.name),
      refreshMs: options.refreshMs ?? REFRESH_MS,
      log: options.log,
      ending: ending.signal,
      onChange: (what, owner) => {
        if (units.get(upstream.name) !== unit) return;
        for (const listener of changeListeners) listener({ upstream: upstream.name, what, ...(owner && { owner }) });
      },
      onServerMessage: (message, owner) => {
        for (const listener of messageListeners)
          listener({ upstream: upstream.name, message, ...(owner && { owner }) });
      },
    });
    return unit;
  };

  const inBackground = (name: string, work: Promise<void>): void => {
    const done = work
      .catch((error: unknown) => options.log.warn({ upstream: name, err: error }, 'a connection could not be closed'))
      .finally(() => closing.delete(done));
    closing.add(done);
  };

  const unitOf = (name: string): UpstreamUnit => {
    const unit = units.get(name);
    if (unit === undefined) throw unknown(name);
    return unit;
  };

  const replace = async (next: readonly Upstream[]): Promise<void> => {
    const before = units;
    const fresh: UpstreamUnit[] = [];
    declared = next;
    units = new Map(
      next.map((upstream) => {
        const known = before.get(upstream.name);
        if (known?.adopt(upstream)) return [upstream.name, known];
        const unit = add(upstream);
        fresh.push(unit);
        return [upstream.name, unit];
      }),
    );
    for (const [name, unit] of before) if (units.get(name) !== unit) inBackground(name, unit.close(GRACE_MS));
    for (const unit of fresh) unit.start();
  };

  void replace(options.upstreams);

  return {
    replace,
    status: () => [...units.values()].map((unit) => unit.status()),
    catalogue: (name, owner) => units.get(name)?.catalogue(owner),
    loadCatalogue: async (name, owner) => unitOf(name).loadCatalogue(owner),
    refresh: (name) => units.get(name)?.refresh(),
    shared(name, owner) {
      const unit = units.get(name);
      return unit === undefined ? Promise.reject(unknown(name)) : unit.shared(owner);
    },
    async open(name, { credential, clientInfo, clientCapabilities, revision }) {
      return unitOf(name).open({ credential, identity: { clientInfo, clientCapabilities }, revision });
    },
    credentialChanged(name, owner) {
      const unit = units.get(name);
      if (unit !== undefined) inBackground(name, unit.credentialChanged(owner, GRACE_MS));
    },
    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },
    onServerMessage(listener) {
      messageListeners.add(listener);
      return () => messageListeners.delete(listener);
    },
    async test(name, owner) {
      const upstream = declared.find((candidate) => candidate.name === name);
      if (upstream === undefined) throw unknown(name);
      return testUpstream(upstream, {
        owner,
        identity,
        log: options.log,
        references: options.references(name),
        credentialOf: options.credentialOf,
        findProvider: options.findProvider,
        observe: (failure) => units.get(name)?.observe(failure),
      });
    },
    async close() {
      ending.abort();
      const all = [...units.values()];
      units = new Map();
      await Promise.allSettled([...all.map((unit) => unit.close(0)), ...closing]);
    },
  };
}
