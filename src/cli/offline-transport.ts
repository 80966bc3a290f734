import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { startApp } from '../app/app.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { Secret } from '../lib/secret.ts';
import type { AdminTransport } from './admin-client.ts';
import type { CliContext } from './invocation.ts';

/**
 * The admin API in this process, on the data folder, without listening and without connecting upstreams. Whoever can
 * write the data folder owns the gateway anyway, so no key is asked for; the audit log names the user of the machine.
 *
 * Throws when another process uses the data folder.
 */
export async function openOfflineTransport(
  loaded: LoadedConfig,
  { env, version }: Pick<CliContext, 'env' | 'version'>,
): Promise<AdminTransport> {
  const credential = new Secret(randomBytes(32).toString('base64url'));
  const app = await startApp(loaded, {
    env,
    version,
    online: false,
    logTo: { write: () => {} },
    operator: { name: `local:${userName()}`, credential },
  });
  const { host } = new URL(app.url);
  return {
    place: app.config.dataDir,
    gatewayUrl: app.url,
    offline: true,
    async exchange({ method, target, headers, body }) {
      const response = await app.inject({
        method,
        url: target,
        headers: { ...headers, host, authorization: `Bearer ${credential.reveal()}` },
        payloadAsStream: true,
        ...(body !== undefined && { payload: body }),
      });
      const found = (name: string): string | null => (response.headers[name] as string | undefined) ?? null;
      return { status: response.statusCode, headers: { get: found }, body: response.stream() };
    },
    close: () => app.close(),
  };
}

/** A user id without an entry in the password file, as in many containers, has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
