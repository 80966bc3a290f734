import type { AppError } from '../errors/app-error.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

interface Entry {
  readonly connection: UpstreamConnection;
  readonly listeners: Set<(reason: AppError) => void>;
}

/** The connections of client sessions to one upstream. */
export class ClientConnections {
  private readonly entries = new Set<Entry>();

  get size(): number {
    return this.entries.size;
  }

  /** Takes the connection in, and returns it for its client. */
  add(connection: UpstreamConnection): UpstreamConnection {
    const entry: Entry = { connection, listeners: new Set() };
    this.entries.add(entry);
    connection.onClosed((reason) => this.closed(entry, reason));
    return {
      ...connection,
      onClosed: (listener) => entry.listeners.add(listener),
      close: () => {
        this.entries.delete(entry);
        return connection.close();
      },
    };
  }

  /** Ends all of them, and tells their clients: the next call needs a new one. */
  async end(reason: AppError): Promise<void> {
    const all = [...this.entries];
    for (const entry of all) this.closed(entry, reason);
    await Promise.allSettled(all.map(({ connection }) => connection.close()));
  }

  private closed(entry: Entry, reason: AppError): void {
    if (!this.entries.delete(entry)) return;
    for (const listener of entry.listeners) listener(reason);
  }
}
