import { createPrivateKey, type JsonWebKeyInput } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import { Secret } from '../lib/secret.ts';
import { type ClientSecretName, isOauth, type Upstream, type UpstreamAuth } from '../model/upstream.ts';
import { inputRefusal } from './check-input.ts';

const VAULT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** RFC 9110 §5.5, without the obsolete bytes above 0x7f. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;
/** RFC 6749 appendix A.2. */
const CLIENT_SECRET = /^[\x20-\x7e]+$/;

/** What the gateway itself keeps of connections; only it writes and removes these entries. */
export const isGatewaysOwn = (name: string): boolean => name.startsWith('oauth-');

/** The entry for what the configured client proves itself with; null when there is no such client or it has no secret. */
export function clientEntryOf(auth: UpstreamAuth): ClientSecretName | null {
  const method = (isOauth(auth) ? auth.oauth.client?.authMethod : undefined) ?? 'none';
  if (method === 'none') return null;
  return method === 'private_key_jwt' ? 'client-key' : 'client-secret';
}

/**
 * The names as the upstream has them: headers that it declares, or the secret of its client. An upstream of the
 * configuration file can also refer to shared entries of any name. Throws `unprocessable` with every fault, and never
 * repeats a value.
 */
export function checkedEntries(
  upstream: Upstream,
  values: Readonly<Record<string, string>>,
  personal: boolean,
): [string, Secret][] {
  const declared = declaredEntries(upstream.auth);
  const byReference = upstream.source === 'file' && !personal;
  const faults: { path: string; message: string }[] = [];
  const checked = Object.entries(values).map(([given, value]): [string, Secret] => {
    const path = `values.${given}`;
    const entry = declared.find((known) => known.toLowerCase() === given.toLowerCase());
    const name = byReference ? given : (entry ?? given);
    let message = valueFault(upstream, name, value);
    if (isGatewaysOwn(given)) message = 'Entries of this name are kept by the gateway itself.';
    else if (byReference && !VAULT_NAME.test(given)) message = 'This is no name that `${vault:NAME}` can refer to.';
    else if (!byReference && entry === undefined) message = unknownEntry(upstream.auth, declared);
    if (message !== undefined) faults.push({ path, message });
    return [name, new Secret(value)];
  });
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The credential', faults);
  return checked;
}

function declaredEntries(auth: UpstreamAuth): readonly string[] {
  if ('names' in auth) return auth.names;
  const entry = clientEntryOf(auth);
  return entry === null ? [] : [entry];
}

function unknownEntry(auth: UpstreamAuth, declared: readonly string[]): string {
  const known = declared.length === 0 ? 'none' : declared.map((one) => `\`${one}\``).join(', ');
  return isOauth(auth)
    ? `Its client proves itself with ${known}, as \`authMethod\` says.`
    : `The upstream has no such header under \`auth\`; it has ${known}.`;
}

function valueFault({ transport, auth }: Upstream, name: string, value: string): string | undefined {
  if (isOauth(auth) && name === 'client-key') return keyFault(value);
  if (isOauth(auth) && name === 'client-secret') {
    return CLIENT_SECRET.test(value) ? undefined : 'The value has characters that a client secret cannot hold.';
  }
  const holds = transport === 'stdio' ? !value.includes('\0') : HEADER_VALUE.test(value);
  return holds ? undefined : 'The value has characters that a header cannot hold, or blanks around it.';
}

/** What it is used for is found out here, and not at the first call. */
function keyFault(value: string): string | undefined {
  try {
    const jwk = value.trimStart().startsWith('{');
    const key = jwk
      ? createPrivateKey({ key: JSON.parse(value) as JsonWebKeyInput['key'], format: 'jwk' })
      : createPrivateKey(value);
    const type = key.asymmetricKeyType;
    return type === 'rsa' || type === 'ec' || type === 'ed25519'
      ? undefined
      : 'Assertions are signed with an RSA, EC or Ed25519 key.';
  } catch {
    return 'This is no private key. Store it as PEM (PKCS #8, not encrypted) or as a JWK.';
  }
}

/** Throws `conflict` when the upstream takes another kind of credential than is being stored. */
export function requireKind({ name, source, auth }: Upstream, personal: boolean): void {
  if (personal && auth.kind !== 'headers-per-user') {
    const instead = isOauth(auth) ? ' Its accounts are connected in the browser: `toolgate connection`.' : '';
    throw new AppError(
      'conflict',
      `"${name}" has no credentials of single users; its \`auth\` is \`${auth.kind}\`.${instead}`,
    );
  }
  if (!personal && source === 'api' && auth.kind !== 'headers' && clientEntryOf(auth) === null) {
    const why =
      isOauth(auth) && auth.oauth.client !== null
        ? ', and its client proves itself with `none`: set `authMethod`'
        : isOauth(auth)
          ? ', and the gateway registers itself there: set `client` for one that you registered'
          : '';
    throw new AppError('conflict', `"${name}" has no shared credential; its \`auth\` is \`${auth.kind}\`${why}.`);
  }
}
