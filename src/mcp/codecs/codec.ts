import type { AppError } from '../../errors/app-error.ts';
import { type Era, eraOf, type Revision } from '../../model/catalogue.ts';
import type { JsonObject } from '../../model/json.ts';
import type { JsonRpcMessage } from '../message.ts';
import { legacyCodec } from './legacy.ts';
import { modernCodec } from './modern.ts';

/** What the gateway knows of a client when it must speak for it in the other era. */
export interface ClientIdentity {
  readonly clientInfo: JsonObject;
  readonly logLevel?: string | undefined;
}

/**
 * One era's way of saying things. Messages between a client and an upstream of the same era pass as they are; a codec is
 * asked only for what the gateway says itself, and to turn a message of the other era into one of its own.
 */
export interface Codec {
  readonly era: Era;
  /** HTTP status of an error answer to a request that was read. */
  statusOf(error: AppError): number;
  /** A result that the gateway makes itself. `cacheable` results carry caching hints where the era has them. */
  result(fields: JsonObject, options?: { cacheable?: boolean }): JsonObject;
  /** JSON-RPC code and data for a resource that does not exist or may not be read. */
  unknownResource(uri: string): { code: number; data: JsonObject };
  /** `params._meta` of a request that a client of the other era made, for an upstream of this one. */
  adoptMeta(meta: JsonObject | undefined, client: ClientIdentity): JsonObject;
  /** A notification or response from an upstream of the other era, for a client of this one. */
  adoptMessage(message: JsonRpcMessage): JsonRpcMessage;
}

export const codecOf = (revision: Revision): Codec => (eraOf(revision) === 'modern' ? modernCodec : legacyCodec);
