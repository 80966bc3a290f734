/** One thing that `doctor` looked at. */
export interface Finding {
  /** Such as `master key`. */
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly detail: string;
  /** What to do about it. Of a `warn` or `fail`. */
  readonly fix?: string | undefined;
}

export const ok = (check: string, detail: string): Finding => ({ check, level: 'ok', detail });
export const warn = (check: string, detail: string, fix: string): Finding => ({ check, level: 'warn', detail, fix });
export const fail = (check: string, detail: string, fix: string): Finding => ({ check, level: 'fail', detail, fix });

/** For errors whose text says what to do already. */
export const failed = (check: string, error: unknown): Finding => ({
  check,
  level: 'fail',
  detail: (error as Error).message,
});
