import { genericGrantRequest, ResponseBodyError } from 'openid-client';
import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { safeFetch } from '../../lib/safe-fetch.ts';
import type { Secret } from '../../lib/secret.ts';
import { redirectUriOf } from './identity-providers.ts';
import { issuerAdvice, PRESETS } from './presets.ts';
import { discover, refusesClient } from './provider-client.ts';

/** One thing that was looked at. */
export interface ProviderCheck {
  readonly step: 'issuer' | 'metadata' | 'keys' | 'client' | 'note';
  readonly ok: boolean;
  /** What was found, in a sentence. */
  readonly detail: string;
}

/** Looks at everything of a provider that can be seen without a login. Stops where nothing further can be told. */
export async function checkProvider(
  settings: IdentityProviderSettings,
  { reveal, publicUrl }: { reveal: (configured: Secret) => Promise<Secret>; publicUrl: string },
): Promise<ProviderCheck[]> {
  const advice = issuerAdvice(settings);
  const notes = PRESETS[settings.preset].notes.map(
    (note): ProviderCheck => ({ step: 'note', ok: true, detail: note.replaceAll('{publicUrl}', publicUrl) }),
  );
  const looksRight = `${settings.issuer} looks like an issuer of the preset "${settings.preset}".`;
  const checks: ProviderCheck[] = [{ step: 'issuer', ok: advice === null, detail: advice ?? looksRight }];
  const found = await discover(settings, reveal).catch((error: Error) => error);
  if (found instanceof Error) {
    checks.push({ step: 'metadata', ok: false, detail: `The metadata cannot be used: ${reasonOf(found)}` });
    return [...checks, ...notes];
  }
  const { jwks_uri: jwksUri = '', authorization_endpoint: authorization } = found.serverMetadata();
  checks.push({ step: 'metadata', ok: true, detail: `People sign in at ${authorization}.` });
  checks.push(await checkKeys(jwksUri, settings.issuer));
  checks.push(await checkClient(settings, publicUrl, found));
  return [...checks, ...notes];
}

async function checkKeys(jwksUri: string, issuer: string): Promise<ProviderCheck> {
  const reach = isLoopbackHost(new URL(issuer).hostname) ? 'loopback-too' : 'internal';
  try {
    const { status, text } = await safeFetch(jwksUri, { reach, maxBytes: 512 * 1024 });
    if (status !== 200) throw new Error(`it answers ${status}`);
    const { keys } = JSON.parse(text) as { keys: { use?: string; kty: string }[] };
    const signing = keys.filter(({ use, kty }) => use !== 'enc' && kty !== 'oct');
    if (signing.length === 0) throw new Error('it holds no public key for signatures');
    return { step: 'keys', ok: true, detail: `${jwksUri} holds ${signing.length} keys for signatures.` };
  } catch (error) {
    return { step: 'keys', ok: false, detail: `${jwksUri} cannot be used: ${reasonOf(error)}` };
  }
}

/** A code that was never issued: who does not know us says so before it looks at the code (RFC 6749 §5.2). */
async function checkClient(
  settings: IdentityProviderSettings,
  publicUrl: string,
  configuration: Awaited<ReturnType<typeof discover>>,
): Promise<ProviderCheck> {
  const redirectUri = redirectUriOf(publicUrl, settings.name);
  const registered = `Registered there has to be the redirect URI ${redirectUri}`;
  const asked = { code: 'toolgate-idp-test', redirect_uri: redirectUri, code_verifier: 'toolgate-idp-test'.repeat(3) };
  try {
    await genericGrantRequest(configuration, 'authorization_code', asked);
  } catch (error) {
    if (refusesClient(error)) {
      const detail = `The provider refuses the client id "${settings.clientId}" or its secret.`;
      return { step: 'client', ok: false, detail };
    }
    if (!(error instanceof ResponseBodyError)) {
      return { step: 'client', ok: false, detail: `The token endpoint cannot be used: ${reasonOf(error)}` };
    }
  }
  return { step: 'client', ok: true, detail: `The provider accepts the client id and secret. ${registered}.` };
}

/** The innermost reason; libraries wrap it. */
function reasonOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : String(innermost);
}
