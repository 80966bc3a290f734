import type { KeyObject } from 'node:crypto';
import { lengthPrefixed } from '../lib/length-prefixed.ts';
import { Secret } from '../lib/secret.ts';
import type { SecretRef } from '../store/secrets.ts';
import { seal, unseal } from './sealed-box.ts';

const FORMAT = 'v1';

export interface DataKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** An envelope opens only in the row it was made for: every part of the place, and the row's version, is authenticated. */
function aadOf(dataKeyId: string, { tenantId, upstream, owner, name }: SecretRef, version: number): Buffer {
  const place = [tenantId, upstream, owner.kind, owner.id, name];
  return lengthPrefixed(['toolgate secret', FORMAT, dataKeyId, ...place, String(version)]);
}

/** `v1.<data key id>.<iv>.<ciphertext+tag>`. The length of the secret shows in it; nothing else does. */
export function sealSecret(dataKey: DataKey, ref: SecretRef, version: number, secret: Secret): string {
  const box = seal(dataKey.key, Buffer.from(secret.reveal(), 'utf8'), aadOf(dataKey.id, ref, version));
  return `${FORMAT}.${dataKey.id}.${box}`;
}

/** Throws when the envelope was changed, or moved from another place or version. */
export function openSecret(dataKey: DataKey, ref: SecretRef, version: number, envelope: string): Secret {
  if (dataKeyIdOf(envelope) !== dataKey.id) throw new Error('The envelope names another data key.');
  const box = envelope.slice(`${FORMAT}.${dataKey.id}.`.length);
  return new Secret(unseal(dataKey.key, box, aadOf(dataKey.id, ref, version)).toString('utf8'));
}

/** Which data key opens the envelope. Throws when it is none of ours. */
export function dataKeyIdOf(envelope: string): string {
  const [format, dataKeyId, ...box] = envelope.split('.');
  if (format !== FORMAT || !dataKeyId || box.length !== 2) throw new Error('The envelope has an unknown format.');
  return dataKeyId;
}
