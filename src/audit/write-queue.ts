import { AppError } from '../errors/app-error.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import { recordLine, resultOf } from './audit-record.ts';
import { createFacetCollector } from './block-facets.ts';
import { createMissedRecords } from './missed-records.ts';
import { createOpenIntents } from './open-intents.ts';
import type { BlockSummary } from './writer-database.ts';

/** `stalled`: the disk has not answered for `deadlineMs`. `failing`: it answered with an error, or is full. */
export type WriterState = 'ok' | 'stalled' | 'failing' | 'closed';

export interface QueueOptions {
  readonly mode: 'strict' | 'async';
  readonly deadlineMs: number;
  readonly maxQueuedRecords: number;
  readonly maxQueuedBytes: number;
  readonly retryMs: number;
  readonly tenantId: string;
  readonly writer: string;
  /** Hands a batch to the writer thread, which answers with exactly one of `acknowledge` and `fail`. */
  readonly send: (batch: string) => void;
  readonly sendBlock: (summary: BlockSummary) => void;
  readonly onState?: ((state: WriterState, error: string | null) => void) | undefined;
}

/** What the writer has at the moment. */
interface Batch {
  readonly text: string;
  readonly lastSeq: number;
  readonly count: number;
  readonly size: number;
  /** performance.now() */
  readonly since: number;
}

interface Waiting {
  readonly seq: number;
  /** performance.now() */
  readonly since: number;
  readonly event: AuditEvent;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

/** With this many calls under way, batches are gathered for a moment: a commit costs as much as thirty records. */
const BUSY_INTENTS = 4;
const GATHER_MS = 1;
/**
 * Nobody waits for outcomes, events and the intents of async mode, so they go with the next intent, or after this. It is
 * what a crash can cost of them; writing them in 10 ms took a tenth more CPU time.
 */
const LINGER_MS = 25;
const MAX_BATCH_RECORDS = 4096;
/** Events (refused logins, say) may fill the queue only so far: a flood of them must not refuse calls. */
const EVENT_SHARE = 0.5;
const DONE = Promise.resolve();

const sizeOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length, 0);

/**
 * The main thread's side of the log: numbers the records, holds them until they are durable, and says which calls may
 * proceed. One batch is with the writer at a time; what arrives meanwhile becomes the next one (group commit).
 *
 * An intent that is refused after it was queued may become durable all the same, for the writer may be in the middle of
 * it. So it stays queued, and an outcome `failed` with the code `audit_unavailable` is queued behind it: whoever reads
 * the log sees that the call was not made. Should the process die between the two, the intent counts as "outcome
 * unknown", which claims less than is true but nothing false. An intent that is refused at once (the writer is known to
 * be in trouble, or the queue is full) is never written; only their number is, once writing works again.
 */
export class WriteQueue {
  readonly #options: QueueOptions;
  readonly #open = createOpenIntents();
  readonly #collectFacets = createFacetCollector();
  #state: WriterState = 'ok';
  #error: string | null = null;
  #seq: number;
  #durable: number;
  #lines: string[] = [];
  #linesSize = 0;
  #sent: Batch | null = null;
  #waiting: Waiting[] = [];
  #flushing: { readonly seq: number; readonly resolve: () => void }[] = [];
  #soon: NodeJS.Immediate | null = null;
  #later: NodeJS.Timeout | null = null;
  #laterUrgent = false;
  #deadline: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  readonly #missed: ReturnType<typeof createMissedRecords>;
  #commits = 0;
  #lastCommitMs = 0;

  /** @param seq the last record in the log */
  constructor(seq: number, options: QueueOptions) {
    this.#seq = seq;
    this.#durable = seq;
    this.#options = options;
    this.#missed = createMissedRecords(options.tenantId);
  }

  intent(event: AuditEvent): Promise<void> {
    const strict = this.#options.mode === 'strict';
    if (this.#state === 'closed') return Promise.reject(new AppError('shutting_down'));
    if ((strict && this.#state !== 'ok') || this.#isFull(1)) {
      this.#missed.refuse();
      return Promise.reject(this.#refusal());
    }
    const seq = this.#enqueue(event);
    if (event.decision !== 'deny') this.#open.add(event.requestId, seq);
    if (!strict) {
      this.#schedule(false);
      return DONE;
    }
    this.#schedule(true);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ seq, since: performance.now(), event, resolve, reject });
      this.#deadline ??= setTimeout(this.#checkDeadline, this.#options.deadlineMs).unref();
    });
  }

  record(event: AuditEvent): void {
    const intent = event.phase === 'outcome' ? this.#open.take(event.requestId) : undefined;
    // An outcome always finds room: there are no more of them than there were intents.
    if (this.#state === 'closed' || (intent === undefined && this.#isFull(EVENT_SHARE))) this.#missed.drop(event);
    else {
      this.#enqueue(intent === undefined ? event : resultOf(event), intent);
      this.#schedule(false);
    }
  }

  /** Resolves when everything queued so far is durable. Waits for as long as that takes. */
  flush(): Promise<void> {
    if (this.#durable >= this.#seq) return DONE;
    return new Promise((resolve) => {
      this.#flushing.push({ seq: this.#seq, resolve });
      if (this.#state !== 'failing') this.#post();
    });
  }

  /** The writer has made everything durable up to `seq`. `shortage`: but the disk is full, so nothing new may start. */
  acknowledge(seq: number, shortage: string | null): void {
    if (this.#sent !== null && seq >= this.#sent.lastSeq) {
      this.#commits++;
      this.#lastCommitMs = performance.now() - this.#sent.since;
      this.#sent = null;
    }
    this.#durable = seq;
    this.#settle();
    this.#become(shortage === null ? 'ok' : 'failing', shortage);
    if (shortage !== null) this.#retryLater();
    else {
      const missed = this.#missed.take();
      if (missed !== null) this.#enqueue(missed);
    }
    if (this.#lines.length > 0) this.#schedule(this.#waiting.length > 0 || this.#flushing.length > 0);
  }

  /** The writer could not write the batch (or is gone). It is sent again until it can. */
  fail(error: string): void {
    this.#become('failing', error);
    this.#retryLater();
  }

  close(): void {
    this.#become('closed', null);
    for (const timer of [this.#later, this.#deadline, this.#retry]) clearTimeout(timer ?? undefined);
    if (this.#soon !== null) clearImmediate(this.#soon);
    this.#refuseAll();
  }

  stats() {
    return {
      state: this.#state,
      error: this.#error,
      seq: this.#seq,
      durableSeq: this.#durable,
      queuedRecords: this.#lines.length + (this.#sent?.count ?? 0),
      queuedBytes: this.#linesSize + (this.#sent?.size ?? 0),
      openIntents: this.#open.size(),
      commits: this.#commits,
      lastCommitMs: this.#lastCommitMs,
      ...this.#missed.totals(),
    };
  }

  #enqueue(event: AuditEvent, intent?: number): number {
    const seq = ++this.#seq;
    const line = recordLine(seq, this.#options.writer, event, intent);
    this.#lines.push(line);
    this.#linesSize += line.length;
    const ended = this.#collectFacets(seq, event);
    if (ended !== null) this.#options.sendBlock(ended);
    return seq;
  }

  #isFull(share: number): boolean {
    const { maxQueuedRecords, maxQueuedBytes } = this.#options;
    return (
      this.#lines.length + (this.#sent?.count ?? 0) >= maxQueuedRecords * share ||
      this.#linesSize + (this.#sent?.size ?? 0) >= maxQueuedBytes * share
    );
  }

  /** Lets go on whoever waited for what is now durable. */
  #settle(): void {
    let settled = 0;
    while (settled < this.#waiting.length && this.#waiting[settled]!.seq <= this.#durable) {
      this.#waiting[settled++]!.resolve();
    }
    if (settled > 0) this.#waiting.splice(0, settled);
    const flushed = this.#flushing.filter(({ seq }) => seq <= this.#durable);
    if (flushed.length === 0) return;
    this.#flushing = this.#flushing.filter(({ seq }) => seq > this.#durable);
    for (const { resolve } of flushed) resolve();
  }

  #schedule(urgent: boolean): void {
    if (this.#sent !== null || this.#soon !== null || this.#state === 'closed') return;
    if (urgent && this.#open.size() < BUSY_INTENTS) {
      this.#soon = setImmediate(this.#post);
    } else if (this.#later === null || (urgent && !this.#laterUrgent)) {
      if (this.#later !== null) clearTimeout(this.#later);
      this.#laterUrgent = urgent;
      this.#later = setTimeout(this.#post, urgent ? GATHER_MS : LINGER_MS);
    }
  }

  #post = (): void => {
    if (this.#soon !== null) clearImmediate(this.#soon);
    if (this.#later !== null) clearTimeout(this.#later);
    this.#soon = null;
    this.#later = null;
    if (this.#sent !== null || this.#lines.length === 0) return;
    const whole = this.#lines.length <= MAX_BATCH_RECORDS;
    const batch = whole ? this.#lines : this.#lines.splice(0, MAX_BATCH_RECORDS);
    if (whole) this.#lines = [];
    const size = whole ? this.#linesSize : sizeOf(batch);
    this.#linesSize -= size;
    const lastSeq = this.#seq - this.#lines.length;
    this.#sent = { text: batch.join('\n'), lastSeq, count: batch.length, size, since: performance.now() };
    this.#options.send(this.#sent.text);
  };

  /** Tries again what failed, or (when all is written but the disk is full) whether there is space again. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      if (this.#sent === null && this.#lines.length > 0) this.#post();
      else this.#options.send(this.#sent?.text ?? '');
    }, this.#options.retryMs);
  }

  /** Runs when the oldest waiting intent may be due. */
  #checkDeadline = (): void => {
    this.#deadline = null;
    // After whatever the event loop has still to read: when the loop itself was held up, the answer may be there.
    setImmediate(() => {
      const oldest = this.#waiting[0];
      if (oldest === undefined || this.#state === 'closed') return;
      const rest = oldest.since + this.#options.deadlineMs - performance.now();
      if (rest <= 0) this.#stall();
      else this.#deadline ??= setTimeout(this.#checkDeadline, Math.ceil(rest)).unref();
    });
  };

  #stall(): void {
    if (this.#state === 'ok') this.#become('stalled', `No answer from the disk for ${this.#options.deadlineMs} ms.`);
  }

  #become(state: WriterState, error: string | null): void {
    if (this.#state === 'closed') return;
    const changed = this.#state !== state;
    this.#state = state;
    this.#error = error;
    if (state === 'failing' || state === 'stalled') this.#refuseAll();
    if (changed) this.#options.onState?.(state, error);
  }

  #refusal(): AppError {
    return new AppError('audit_unavailable', undefined, {
      cause: new Error(this.#error ?? 'The audit queue is full.'),
    });
  }

  /** Refuses every intent that is waiting; see the class comment for what happens to their records. */
  #refuseAll(): void {
    const refused = this.#waiting;
    this.#waiting = [];
    for (const { seq, event, reject } of refused) {
      this.#missed.refuse();
      const { action, requestId, tenantId } = event;
      const intent = event.decision === 'deny' ? undefined : this.#open.take(requestId, seq);
      if (intent !== undefined) {
        const failed = { outcome: 'failed', errorCode: 'audit_unavailable', reason: 'Not forwarded.' } as const;
        this.#enqueue({ phase: 'outcome', action, requestId, time: Date.now(), tenantId, ...failed }, intent);
      }
      reject(this.#refusal());
    }
  }
}
