import { AppError } from '../errors/app-error.ts';

/** Throws `declared_in_file_only`: what a process is started with is not taken from a request, whatever else it says. */
export function refuseStdio(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const { transport, command } = body as { transport?: unknown; command?: unknown };
  if (transport !== 'stdio' && command === undefined) return;
  throw new AppError(
    'declared_in_file_only',
    'An upstream that is started as a program (`stdio`) is declared in the configuration file, never over the API.',
  );
}
