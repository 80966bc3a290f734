import { isLoopbackHost } from '../lib/loopback.ts';
import type { Secret } from '../lib/secret.ts';
import type { ClientSecretName, Upstream } from '../model/upstream.ts';
import type { OauthSettings } from './oauth-schema.ts';
import type { Settings } from './schema.ts';

/** Where the master key is read from. Exactly one; a `file` path is absolute. */
export type MasterKeySource = { readonly file: string } | { readonly env: string } | { readonly fd: number };

/** A header that the gateway sends to an upstream: its name, and its value with references still in it. */
export type HeaderTemplate = readonly [name: string, template: Secret];

/** What a client proves itself with at a provider, with references still in it. Names are those of the vault's entries. */
export type ClientSecretTemplates = ReadonlyMap<ClientSecretName, Secret>;

/** A configuration without faults: defaults filled in, paths absolute. Times are in milliseconds unless named otherwise. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  /** An origin, without trailing slash. When it was not set and `listen.port` is 0, see configAtPort. */
  readonly publicUrl: string;
  readonly dataDir: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly auth: Settings['auth'];
  readonly masterKey: MasterKeySource;
  readonly audit: Readonly<Settings['audit']>;
  readonly limits: Readonly<Settings['limits']>;
  readonly log: Readonly<Settings['log']>;
  /** Secrets in it are templates, for fillTemplate. */
  readonly oauth: OauthSettings;
  readonly telemetry: { readonly otlpEndpoint?: string | undefined };
  readonly upstreams: readonly Upstream[];
  /** By upstream name, for those with `auth.headers`: templates for fillTemplate, at the moment of use. */
  readonly upstreamHeaders: ReadonlyMap<string, readonly HeaderTemplate[]>;
  /** By upstream name, for those whose file gives the secret of their client: templates for fillTemplate. */
  readonly upstreamSecrets: ReadonlyMap<string, ClientSecretTemplates>;
  /** As they stand in the file; the policy validates them. */
  readonly roles: readonly unknown[];
}

/** The address that a local client reaches a listener by, as a URL origin. */
export function localUrl(host: string, port: number): string {
  return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}`).origin;
}

/**
 * The same configuration once the port is known that `listen.port: 0` was given. A `publicUrl` that was set stays as it is;
 * a derived one gets the port.
 */
export function configAtPort(config: Config, port: number): Config {
  const derived = config.publicUrl === localUrl(config.listen.host, config.listen.port);
  const publicUrl = derived ? localUrl(config.listen.host, port) : config.publicUrl;
  return { ...config, listen: { ...config.listen, port }, publicUrl };
}

/** Whether a gateway of this configuration can be reached from this machine alone, as far as the configuration shows. */
export function isLocalOnly(listenHost: string, publicUrl: string): boolean {
  return isLoopbackHost(listenHost) && isLoopbackHost(new URL(publicUrl).hostname);
}
