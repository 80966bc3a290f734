import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { keyIdOf } from './checkpoint.ts';

interface SigningKey {
  readonly privateKey: KeyObject;
  /** PEM, SubjectPublicKeyInfo: what an auditor is given. */
  readonly publicKey: string;
  readonly keyId: string;
}

function createKeyFile(file: string): void {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  // `wx` fails when the file exists and does not follow a link that somebody put there.
  const handle = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(handle, pem);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readKeyFile(file: string): string {
  const handle = openSync(file, 'r');
  try {
    // Windows has no such permission bits and reports 0o666 for every file.
    if (process.platform !== 'win32' && (fstatSync(handle).mode & 0o077) !== 0) {
      throw new Error(`Other users can read the audit signing key ${file}. Run: chmod 600 '${file}'`);
    }
    return readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}

/**
 * Loads the Ed25519 key that signs the checkpoints (PKCS#8 PEM), creating it with mode 0600 when there is none.
 * @throws Error when others can read the file, or when it holds no Ed25519 private key.
 */
export function loadSigningKey(file: string): SigningKey {
  let pem: string;
  try {
    pem = readKeyFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    createKeyFile(file);
    pem = readKeyFile(file);
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`The audit signing key ${file} is not a PEM private key. Restore it from a backup.`, { cause });
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new Error(`The audit signing key ${file} is not an Ed25519 key. Restore it from a backup.`);
  }
  const publicKey = createPublicKey(privateKey);
  return {
    privateKey,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    keyId: keyIdOf(publicKey),
  };
}
