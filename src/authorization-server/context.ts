import type { IncomingMessage } from 'node:http';
import type { JWK } from 'jose';
import type { OauthSettings } from '../config/oauth-schema.ts';
import type { Logger } from '../http/logger.ts';
import type { BrowserSessions } from '../identity/browser-sessions.ts';
import type { FormGuard } from '../identity/form-guard.ts';
import type { safeFetch } from '../lib/safe-fetch.ts';
import type { Secret } from '../lib/secret.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import type { Database } from '../store/database.ts';
import type { Vault } from '../vault/vault.ts';
import type { ServerSecrets } from './server-secrets.ts';

/** What stands behind a resource URL. */
export interface ResourceView {
  /** As people know it. */
  readonly title: string;
  /** The upstreams that are reached through it. */
  readonly upstreams: readonly { readonly name: string; readonly title: string }[];
}

/** A verified assertion about a person, from an issuer that is trusted for it. */
export interface PersonAssertion {
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Whether an account may be made for somebody who comes for the first time. */
  readonly createAccount: boolean;
}

export interface AuthorizationServerOptions {
  /** Origin that clients know the gateway by. */
  readonly publicUrl: () => string;
  readonly settings: OauthSettings;
  /** Fills the template that a configured secret is. */
  readonly secretOf: (template: Secret) => Promise<Secret>;
  readonly db: Database;
  readonly vault: Pick<Vault, 'get' | 'put'>;
  readonly audit: { record(event: AuditEvent): void };
  readonly log: Logger;
  readonly signingKeys: SigningKeySource;
  readonly browserSessions: Pick<BrowserSessions, 'read' | 'end' | 'endById'>;
  readonly formGuard: FormGuard;
  /** What is at `/mcp` or `/mcp/{upstream}`; null when there is nothing. */
  readonly resourceAt: (path: string) => ResourceView | null;
  /** The account of a person whom an assertion speaks of; null when there is none and none may be made. */
  readonly accountOf: (assertion: PersonAssertion) => Promise<{ readonly userId: string } | null>;
  /** Where a request comes from, after trusted proxies. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Called once a grant is revoked, so that its access tokens stop working at once. */
  readonly onGrantRevoked: (grantId: string) => void;
  readonly fetch?: typeof safeFetch | undefined;
  readonly now?: (() => number) | undefined;
}

/** The part of the signing keys that is needed here. */
export interface SigningKeySource {
  /** The active key first, then what is announced or still verified. */
  privateJwks(): readonly JWK[];
  publicJwks(): { readonly keys: readonly JWK[] };
  onRotated(listener: () => void): () => void;
}

/** What every part of the authorization server works with. */
export interface ServerContext extends AuthorizationServerOptions {
  readonly fetch: typeof safeFetch;
  readonly now: () => number;
  readonly secrets: ServerSecrets;
  /** `publicUrl` with `settings.issuerPath`: the issuer identifier (RFC 8414 §2). */
  readonly issuer: () => string;
}

/** Whether the gateway is reached over plain http, which it is on loopback only: for development. */
export const isDevelopment = (context: Pick<ServerContext, 'publicUrl'>): boolean =>
  context.publicUrl().startsWith('http:');
