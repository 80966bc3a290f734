import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Bytes of a process that are in memory. */
export interface ResidentMemory {
  readonly total: number;
  /** Of them, pages of files: the program of Node and the system's libraries, which all processes share. */
  readonly files: number;
}

/** Null where there is no `/proc` (proc_pid_status(5)). */
export function residentMemory(pid: number): ResidentMemory | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024;
    return { total: bytes('VmRSS'), files: bytes('RssFile') };
  } catch {
    return null;
  }
}

const STARTED_MS = 1_000;

/** What Node takes when it runs nothing. */
export async function emptyProcessMemory(): Promise<ResidentMemory | null> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' });
  await setTimeout(STARTED_MS);
  const memory = residentMemory(child.pid!);
  child.kill();
  return memory;
}
