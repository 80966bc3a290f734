import type { StdioUpstream } from '../model/upstream.ts';
import type { ConnectionOptions } from './transports/connection-options.ts';
import { openHttp } from './transports/open-http.ts';
import { openSse } from './transports/sse.ts';
import { openStdio } from './transports/stdio.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamContext } from './upstream-context.ts';
import { searchForCredential, withoutSecrets } from './without-secrets.ts';

/** Opens a connection over whichever transport the upstream has, handshake included. Rejects with AppError. */
export async function openConnection(
  context: UpstreamContext,
  options: ConnectionOptions,
): Promise<UpstreamConnection> {
  const { upstream, endpoint } = context;
  switch (upstream.transport) {
    case 'http':
      return withoutSecrets(await openHttp(context, endpoint!, options), searchForCredential);
    case 'sse':
      return withoutSecrets(await openSse(context, endpoint!, options), searchForCredential);
    case 'stdio':
      return openStdio(context as UpstreamContext & { upstream: StdioUpstream }, options);
  }
}
