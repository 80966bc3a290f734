import type { DpopSession, OAuthClientProvider } from '@modelcontextprotocol/client';

/** What a desktop client keeps, in memory. */
export class MemoryProvider implements OAuthClientProvider {
  readonly redirectUrl: string;
  readonly clientMetadata: { client_name: string; redirect_uris: string[] };
  readonly clientMetadataUrl?: string;
  readonly #dpop: DpopSession | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: it gives back what the SDK gave it
  kept: Record<string, any> = {};
  asked: URL | undefined;

  constructor(redirect: string, { dpop, documentUrl }: { dpop?: DpopSession; documentUrl?: string } = {}) {
    this.redirectUrl = redirect;
    this.clientMetadata = { client_name: 'SDK v2', redirect_uris: [redirect] };
    if (documentUrl !== undefined) this.clientMetadataUrl = documentUrl;
    this.#dpop = dpop;
  }

  dpop = () => this.#dpop;
  clientInformation = () => this.kept.client;
  saveClientInformation = (client: unknown) => {
    this.kept.client = client;
  };
  tokens = () => this.kept.tokens;
  saveTokens = (tokens: unknown) => {
    this.kept.tokens = tokens;
  };
  codeVerifier = () => this.kept.verifier;
  saveCodeVerifier = (verifier: string) => {
    this.kept.verifier = verifier;
  };
  saveDiscoveryState = (state: unknown) => {
    this.kept.discovery = state;
  };
  discoveryState = () => this.kept.discovery;
  redirectToAuthorization = (url: URL) => {
    this.asked = url;
  };
}
