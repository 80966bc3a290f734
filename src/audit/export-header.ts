import { createPublicKey, hash } from 'node:crypto';

/** The version of the export's form that this code writes and reads. */
export const EXPORT_VERSION = 1;

/** The first line of an export. */
interface ExportHeader {
  readonly toolgateAudit: number;
  /** Id of the log. */
  readonly log: string;
  /** Milliseconds since the epoch. */
  readonly exportedAt: number;
  readonly key: {
    readonly algorithm: 'Ed25519';
    readonly id: string;
    /** Base64 DER SubjectPublicKeyInfo. For information: verify against a key that came another way. */
    readonly publicKey: string;
  };
}

export function headerLine(log: string, publicKeyPem: string, keyId: string, exportedAt: number): string {
  const publicKey = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' }).toString('base64');
  const header: ExportHeader = {
    toolgateAudit: EXPORT_VERSION,
    log,
    exportedAt,
    key: { algorithm: 'Ed25519', id: keyId, publicKey },
  };
  return JSON.stringify(header);
}

/** What the closing checkpoint of an export signs of its first line. */
export const headerHash = (line: string): string => hash('sha256', line, 'hex');

/** Null when the line is no header of an export. */
export function parseHeader(line: string): ExportHeader | null {
  try {
    const header = JSON.parse(line) as ExportHeader | null;
    const valid =
      typeof header?.toolgateAudit === 'number' && typeof header.log === 'string' && typeof header.key?.id === 'string';
    return valid ? header : null;
  } catch {
    return null;
  }
}
