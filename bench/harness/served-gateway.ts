import { type ChildProcess, spawn } from 'node:child_process';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServedGateway {
  /** From the start of the process to the first 200 of `/readyz`. */
  readonly readyMs: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const started = new Set<ChildProcess>();
const POLL_MS = 3;
const GIVE_UP_MS = 15_000;
const STOP_MS = 10_000;

/** Starts the gateway as its users do: `serve`, in a folder with a `toolgate.yaml`. Its data folder is made in there. */
export async function serveGateway(main: string, cwd: string): Promise<ServedGateway> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [main, 'serve', '--port', String(port)], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.add(child);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk).slice(-2_000);
  });
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => {
      started.delete(child);
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  };
  while ((await statusOf(`http://127.0.0.1:${port}/readyz`)) !== 200) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}: ${complaint}`);
    if (performance.now() - startedAt > GIVE_UP_MS) {
      await stop();
      throw new Error(`the gateway was not ready after ${GIVE_UP_MS} ms: ${complaint}`);
    }
    await sleep(POLL_MS);
  }
  const readyMs = performance.now() - startedAt;
  return { readyMs, pid: child.pid!, stop };
}

/** Kills whatever gateway was started here and is left. */
export function killServed(): void {
  for (const child of started) child.kill('SIGKILL');
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** 0 when nobody answers. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    }).on('error', () => resolve(0));
  });
}
