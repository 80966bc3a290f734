import type { Logger } from 'pino';
import type { ReferenceSources } from '../config/references.ts';
import type { Era } from '../model/catalogue.ts';
import type { Upstream } from '../model/upstream.ts';
import type { CallGuard } from './call-guard.ts';
import type { HttpEndpoint } from './transports/http.ts';
import type { CallLimits } from './upstream-connection.ts';

/** What all connections to one upstream share for as long as its configuration stands. */
export interface UpstreamContext {
  readonly upstream: Upstream;
  readonly limits: CallLimits;
  readonly guard: CallGuard;
  readonly log: Logger;
  /** For `http` and `sse`. */
  readonly endpoint: HttpEndpoint | undefined;
  /** Where the references in the environment of a stdio upstream lead. */
  readonly references: ReferenceSources;
  /** The era found last: a property of the server, so later connections need not probe again. */
  era: Era | undefined;
  /** How it was found out, for the test report. */
  eraFound: string | undefined;
}
