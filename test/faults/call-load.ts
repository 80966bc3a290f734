import { modernClient } from '../mcp-client.ts';

export interface LoadedCall {
  /** Unique; the argument `text` of the call. */
  readonly text: string;
  readonly startedAt: number;
  /**
   * `ok`: the right answer came, whole. `refused`: the gateway said no, with `code`. `broken`: the connection failed, or
   * the answer was cut off. `wrong`: an answer came that is none of these.
   */
  readonly end: 'ok' | 'refused' | 'broken' | 'wrong';
  readonly status: number | undefined;
  /** Of the gateway's error, or of the system. */
  readonly code: string | undefined;
  readonly body: string;
}

export interface Load {
  /** Of the calls that are over. */
  readonly calls: readonly LoadedCall[];
  count(end: LoadedCall['end']): number;
  /** Begins no more calls, and waits for those under way. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly concurrency: number;
  /** A tool that echoes `text`. */
  readonly tool?: string;
  /** Milliseconds between the end of a call and the next one of the same caller. */
  readonly pauseMs?: number;
}

let loads = 0;

/** Callers that call a tool again and again until they are stopped, each with one call under way. */
export function startLoad(url: string, key: string, { concurrency, tool = 'echo', pauseMs = 0 }: LoadOptions): Load {
  const client = modernClient(url, key);
  const load = ++loads;
  const calls: LoadedCall[] = [];
  let last = 0;
  let stopping = false;

  async function call(): Promise<void> {
    const text = `load-${load}-${++last}`;
    const startedAt = performance.now();
    const over = (end: LoadedCall['end'], rest: Partial<LoadedCall> = {}): void => {
      calls.push({ text, startedAt, end, status: undefined, code: undefined, body: '', ...rest });
    };
    try {
      const answer = await client.open('tools/call', { name: tool, arguments: { text } });
      await answer.closed;
      const { status, complete } = answer;
      const body = answer.body();
      const message = answer.messages.at(-1);
      const code = message?.error?.data?.code;
      if (!complete) over('broken', { status, body });
      else if (message?.result?.content?.[0]?.text === text) over('ok', { status });
      else over(code === undefined ? 'wrong' : 'refused', { status, code, body });
    } catch (error) {
      over('broken', { code: (error as NodeJS.ErrnoException).code });
    }
  }

  async function caller(): Promise<void> {
    while (!stopping) {
      await call();
      // A gateway that is away refuses in no time.
      const pause = calls.at(-1)!.end === 'ok' ? pauseMs : Math.max(5, pauseMs);
      if (pause > 0) await new Promise((done) => setTimeout(done, pause));
    }
  }
  const callers = Array.from({ length: concurrency }, caller);
  return {
    calls,
    count: (end) => calls.filter((call) => call.end === end).length,
    async stop() {
      stopping = true;
      await Promise.all(callers);
    },
  };
}
