import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/**
 * A signed statement about the log at one moment: "record `seq` has the chain hash `hash`", and with it, as every hash
 * covers the one before, everything up to it. `seq` is also the count of records.
 */
export interface Checkpoint {
  /** Id of the log. */
  readonly log: string;
  /** `periodic`; `close`: the gateway stopped here in order; `export`: the last line of an export, not kept in the log. */
  readonly kind: 'periodic' | 'close' | 'export';
  /** 1, 2, 3… over the checkpoints of the log. For `export`: the number of the last one that the export holds. */
  readonly number: number;
  readonly seq: number;
  /** Lower-case hex. */
  readonly hash: string;
  /** When it was signed, in milliseconds since the epoch, by the clock of the gateway. */
  readonly time: number;
  /** Of an `export`: hex SHA-256 of its first line. */
  readonly header?: string | undefined;
}

interface SignedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Id of the key: the first 16 hex digits of the SHA-256 of its DER SubjectPublicKeyInfo. */
  readonly key: string;
  /** Ed25519 (RFC 8032), base64url. */
  readonly signature: string;
}

const KINDS: ReadonlySet<unknown> = new Set(['periodic', 'close', 'export']);

/** The signature covers exactly this text; the first line keeps it from meaning anything elsewhere. */
const signedText = (text: string): Buffer => Buffer.from(`toolgate audit checkpoint v1\n${text}`);

function canonical({ log, kind, number, seq, hash, time, header }: Checkpoint): string {
  return JSON.stringify({ log, kind, number, seq, hash, time, header });
}

export function keyIdOf(publicKey: KeyObject): string {
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 16);
}

/** The one line of JSON that stands for a checkpoint in the log and in an export. */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: KeyObject, keyId: string): string {
  const text = canonical(checkpoint);
  const signature = sign(null, signedText(text), privateKey).toString('base64url');
  return `{"checkpoint":${text},"key":"${keyId}","signature":"${signature}"}`;
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Reads a checkpoint line without checking its signature. Null for anything but the exact text that was written. */
export function parseCheckpoint(line: string): SignedCheckpoint | null {
  let parsed: SignedCheckpoint;
  try {
    parsed = JSON.parse(line) as SignedCheckpoint;
  } catch {
    return null;
  }
  const checkpoint = parsed?.checkpoint;
  const wellFormed =
    typeof checkpoint === 'object' &&
    checkpoint !== null &&
    KINDS.has(checkpoint.kind) &&
    [checkpoint.number, checkpoint.seq, checkpoint.time].every(isWhole) &&
    [checkpoint.log, checkpoint.hash, parsed.key, parsed.signature].every((text) => typeof text === 'string') &&
    // One checkpoint has one spelling: nothing can ride along in members that the signature does not cover.
    line === `{"checkpoint":${canonical(checkpoint)},"key":"${parsed.key}","signature":"${parsed.signature}"}`;
  return wellFormed ? parsed : null;
}

/** True when the signature is one of `publicKey` over this checkpoint. */
export function isSignedBy(signed: SignedCheckpoint, publicKey: KeyObject): boolean {
  const signature = Buffer.from(signed.signature, 'base64url');
  // Base64 decoders skip what they do not know; only the canonical spelling counts as unchanged.
  if (signature.toString('base64url') !== signed.signature) return false;
  return verify(null, signedText(canonical(signed.checkpoint)), publicKey, signature);
}

/** A public key given as PEM, or as base64 of its DER SubjectPublicKeyInfo (as in the first line of an export). */
export function readPublicKey(text: string): KeyObject {
  const key = text.includes('-----')
    ? createPublicKey(text)
    : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('The public key of an audit log is an Ed25519 key.');
  return key;
}
