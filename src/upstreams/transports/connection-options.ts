import type { JsonRpcMessage } from '../../mcp/message.ts';
import type { Revision } from '../../model/catalogue.ts';
import type { ClientIdentity } from '../own-request.ts';
import type { Credential } from '../upstream-connection.ts';

export interface ConnectionOptions {
  readonly credential: Credential;
  /** Owned by the gateway and used for many callers. */
  readonly shared: boolean;
  readonly identity: ClientIdentity;
  /** The revision that the client of this connection speaks; the newest one of the server's era when absent. */
  readonly revision?: Revision | undefined;
  /**
   * Shared connections only: a notification that concerns the server as a whole (`…/list_changed`, `resources/updated`)
   * and came on the answer to some caller, who must not get it. What comes on `listen()` is not repeated here.
   */
  readonly onServerMessage?: ((message: JsonRpcMessage) => void) | undefined;
}
