import type { FastifyRequest } from 'fastify';
import type { AuditLog } from '../audit/open-audit.ts';
import type { Logger } from '../http/logger.ts';
import type { BrowserSessions } from '../identity/browser-sessions.ts';
import type { FormGuard } from '../identity/form-guard.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Database } from '../store/database.ts';
import type { Connections } from '../upstreams/oauth/connections.ts';

/** What the pages need of the broker. */
export type ConnectBroker = Pick<
  Connections,
  'plan' | 'begin' | 'upstreamOf' | 'complete' | 'disconnect' | 'list' | 'linkIsFor'
>;

export interface ConnectOptions {
  readonly connections: ConnectBroker;
  readonly sessions: Pick<BrowserSessions, 'read'>;
  readonly formGuard: FormGuard;
  /** Names of service accounts and agents are read from it. */
  readonly db: Database;
  /** All that are declared, with those that are switched off. Read at every request. */
  readonly upstreams: () => readonly Upstream[];
  /** Whether the roles of this person, as they are now, leave anything of the upstream. */
  readonly mayUse: (userId: string, upstream: Upstream) => boolean | Promise<boolean>;
  /** Whether this person, as the roles are now, is an owner or administrator. */
  readonly isAdmin: (userId: string) => boolean | Promise<boolean>;
  /** Where browsers and providers reach the gateway, without a path. */
  readonly publicUrl: () => string;
  readonly addressOf: (request: FastifyRequest['raw']) => string;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly log: Logger;
  readonly tenantId?: string | undefined;
  readonly now?: (() => number) | undefined;
}

/** What every route of this folder works with. */
export interface ConnectContext extends ConnectOptions {
  readonly tenantId: string;
  readonly now: () => number;
}

/** Where people see and change what they connected. */
export const CONNECTIONS_PATH = '/connect';

/** Where every provider sends the browser back to: one redirect URI, so that one registration serves all upstreams. */
export const CALLBACK_PATH = '/connect/callback';

/** The gateway's own client metadata document; its URL is the `client_id`. */
export const CLIENT_DOCUMENT_PATH = '/connect/client.json';

export const connectPath = (upstream: string): string => `${CONNECTIONS_PATH}/${upstream}`;

/** The question, also where the answer was given before: to take another account. */
export const againHref = (href: string): string => `${href}${href.includes('?') ? '&' : '?'}again=1`;
