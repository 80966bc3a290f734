import type { AppError } from '../../errors/app-error.ts';
import { writeSseEvent } from '../../mcp/sse.ts';
import type { Exchange, ExchangeSink } from '../upstream-connection.ts';

/** Messages and bytes kept for a listener that is not there yet or is full. Beyond them the oldest are dropped. */
const MAX_KEPT = 100;
const MAX_KEPT_BYTES = 1024 * 1024;

/**
 * What a channel's server says that belongs to no request. There is one listener at a time: a new one takes over, as a
 * client does that opens its stream again.
 */
export class ChannelStream {
  private sink: ExchangeSink | undefined;
  private full = false;
  private kept: Buffer[] = [];
  private keptBytes = 0;

  attach(sink: ExchangeSink, ended: AppError | undefined): Exchange {
    const before = this.sink;
    this.sink = sink;
    // Until the head is out.
    this.full = true;
    const mine = () => this.sink === sink;
    queueMicrotask(() => {
      before?.end();
      if (!mine()) return;
      if (ended !== undefined) {
        this.sink = undefined;
        sink.fail(ended);
        return;
      }
      sink.head(200, 'sse');
      this.full = false;
      this.flush();
    });
    const detach = (): void => {
      if (mine()) this.sink = undefined;
    };
    return {
      resume: () => {
        if (!mine()) return;
        this.full = false;
        this.flush();
      },
      abort: detach,
      cancel: detach,
    };
  }

  message(bytes: Buffer): void {
    const event = Buffer.from(writeSseEvent({ event: 'message', data: bytes }));
    this.kept.push(event);
    this.keptBytes += event.length;
    while (this.kept.length > MAX_KEPT || (this.keptBytes > MAX_KEPT_BYTES && this.kept.length > 1)) {
      this.keptBytes -= this.kept.shift()!.length;
    }
    this.flush();
  }

  end(reason: AppError): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.fail(reason);
  }

  private flush(): void {
    while (this.sink !== undefined && !this.full && this.kept.length > 0) {
      const event = this.kept.shift()!;
      this.keptBytes -= event.length;
      this.full = !this.sink.data(event);
    }
  }
}
