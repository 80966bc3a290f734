import type { JsonObject } from '../../model/json.ts';
import { isResponse, type JsonRpcMessage } from '../message.ts';
import { LATEST_MODERN, META_CAPABILITIES, META_CLIENT_INFO, META_LOG_LEVEL, META_VERSION } from '../revision.ts';
import type { Codec } from './codec.ts';
import { mcpStatus } from './mcp-status.ts';

/** What every result that may be cached carries here: for this caller alone, and stale at once (2026-07-28, "Caching"). */
const UNCACHED = { ttlMs: 0, cacheScope: 'private' } as const;

/** 2026-07-28: stateless, every request describes itself. */
export const modernCodec: Codec = {
  era: 'modern',
  statusOf: mcpStatus,
  result: (fields, options) => ({ resultType: 'complete', ...(options?.cacheable && UNCACHED), ...fields }),
  unknownResource: (uri) => ({ code: -32602, data: { uri } }),

  adoptMeta(meta, client) {
    return {
      ...meta,
      [META_VERSION]: LATEST_MODERN,
      [META_CLIENT_INFO]: client.clientInfo,
      // None, so that the upstream asks nothing back: a legacy client could not answer an `input_required` result.
      [META_CAPABILITIES]: {},
      ...(client.logLevel !== undefined && { [META_LOG_LEVEL]: client.logLevel }),
    };
  },

  adoptMessage(message: JsonRpcMessage): JsonRpcMessage {
    if (!isResponse(message)) return message;
    if (message.error?.code === -32002) return { ...message, error: { ...message.error, code: -32602 } };
    if (message.result === undefined) return message;
    const result: JsonObject = { resultType: 'complete', ...message.result };
    return { ...message, result: 'contents' in result ? { ...UNCACHED, ...result } : result };
  },
};
