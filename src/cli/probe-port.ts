import { createServer } from 'node:net';

/** Why an address cannot be listened on, as the operating system names it (`EADDRINUSE`), or null when it can. */
export function probePort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'unknown'));
    probe.listen(port, host, () => probe.close(() => resolve(null)));
  });
}
