import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import { MIN_SECRET_LENGTH, spellingsOf } from '../secret-spellings.ts';
import { createLineReader } from './line-reader.ts';

export interface StderrLogOptions {
  readonly log: Logger;
  /** Values that must not be in the log; longer than a few characters, or they would blot out ordinary words. */
  readonly secrets: readonly string[];
}

const MAX_LINE_BYTES = 8 * 1024;
/** Lines in one window; more are counted and reported once. */
const MAX_LINES = 100;
const WINDOW_MS = 10_000;

/**
 * Tokens of well-known shapes: what a program prints of its own accord, such as a request header in a trace. Every start is
 * at the beginning of a run of its characters, so that matching is linear in the line.
 */
const TOKEN_SHAPES =
  /\b(?:bearer|basic)\s+[\w.~+/=-]{8,}|\bt(?:gp|gs)_\w{20,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/gi;

/** Copies what a program prints on its standard error into the log, line by line, without secrets and at a bounded rate. */
export function logStderr(stderr: Readable, options: StderrLogOptions): void {
  const secrets = options.secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH).flatMap(spellingsOf);
  // The longest first: one secret may be the beginning of another.
  secrets.sort((a, b) => b.length - a.length);
  let windowStart = performance.now();
  let lines = 0;

  const allowed = (): boolean => {
    const now = performance.now();
    if (now - windowStart > WINDOW_MS) {
      if (lines > MAX_LINES)
        options.log.warn({ lines: lines - MAX_LINES }, 'stderr: too many lines, some were dropped');
      windowStart = now;
      lines = 0;
    }
    return ++lines <= MAX_LINES;
  };

  const reader = createLineReader({
    maxBytes: MAX_LINE_BYTES,
    onLine(line) {
      if (!allowed()) return;
      let text = line.toString('utf8');
      for (const secret of secrets) text = text.replaceAll(secret, '[redacted]');
      options.log.info({ stderr: text.replace(TOKEN_SHAPES, '[redacted]') }, 'stderr');
    },
    onOversize() {
      if (allowed()) options.log.info('stderr: a line over the size limit was dropped');
    },
  });
  stderr.on('data', (chunk: Buffer) => reader.push(chunk));
}
