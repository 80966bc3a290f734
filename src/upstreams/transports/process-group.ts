import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** A program in a process group of its own, so that what it starts ends with it. */
export interface ProcessGroup {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once, with why the program ended or could not be started. Never rejects. */
  readonly exited: Promise<string>;
  /**
   * Closes its standard input, which asks it to end (2026-07-28, stdio, "Shutdown"); then SIGTERM, then SIGKILL to the
   * whole group. Resolves when the program has ended.
   */
  end(): Promise<void>;
}

export interface ProcessGroupOptions {
  /** argv. There is no shell, so nothing in it is expanded or interpreted. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string | undefined;
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds from closing standard input to SIGTERM, and from there to SIGKILL. */
  readonly graceMs?: number;
}

/** Groups that are alive. When the gateway exits without closing them (a crash), they are killed on the way out. */
const alive = new Set<number>();
let exitHook = false;

export function startProcessGroup(options: ProcessGroupOptions): ProcessGroup {
  const { command, cwd, env, graceMs = 2000 } = options;
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd, env, shell: false, detached: true, stdio: 'pipe', windowsHide: true });
  const { pid } = child;
  if (pid !== undefined) {
    alive.add(pid);
    killGroupsAtExit();
  }
  const exited = whyItExits(child).then((why) => {
    if (pid !== undefined) alive.delete(pid);
    child.stdout.destroy();
    child.stderr.destroy();
    return why;
  });
  // A program that ends early makes writes fail; `exited` tells that.
  child.stdin.on('error', () => {});

  const end = async (): Promise<void> => {
    if (pid === undefined) return;
    child.stdin.end();
    const terminate = setTimeout(() => signalGroup(pid, 'SIGTERM'), graceMs);
    const kill = setTimeout(() => signalGroup(pid, 'SIGKILL'), 2 * graceMs);
    await exited;
    clearTimeout(terminate);
    clearTimeout(kill);
  };
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited, end };
}

/** Milliseconds that output may still come after the program has ended, from somebody who left its group but holds its pipes. */
const DRAIN_MS = 1000;

/** Waits for the rest of the output, too: a program may answer and exit at once. */
function whyItExits(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(`could not be started (${error.code ?? 'unknown'})`));
    child.once('exit', (code, signal) => {
      const why = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      // What it left behind. The group id cannot belong to anybody else while one of its members lives.
      signalGroup(child.pid!, 'SIGKILL');
      const timer = setTimeout(() => resolve(why), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(timer);
        resolve(why);
      });
    });
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: the group is gone, which is what was wanted.
  }
}

function killGroupsAtExit(): void {
  if (exitHook) return;
  exitHook = true;
  process.once('exit', () => {
    for (const pid of alive) signalGroup(pid, 'SIGKILL');
  });
}
