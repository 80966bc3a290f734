import type { JsonObject } from '../../model/json.ts';
import { isObject, isResponse, type JsonRpcMessage } from '../message.ts';
import { META_CAPABILITIES, META_CLIENT_INFO, META_LOG_LEVEL, META_SERVER_INFO, META_VERSION } from '../revision.ts';
import type { Codec } from './codec.ts';
import { mcpStatus } from './mcp-status.ts';

/** A client that cannot be asked back through `input_required` gets this instead; see adoptMessage. */
const INPUT_NEEDED =
  'This tool needs input from you in the middle of its work, which this client cannot be asked for across protocol versions. Use a client that speaks MCP 2026-07-28.';

/** 2025-03-26 to 2025-11-25: sessions; HTTP 404 means that the session is gone, so an unknown method is an ordinary error. */
export const legacyCodec: Codec = {
  era: 'legacy',
  statusOf: (error) => (error.code === 'method_not_found' ? 200 : mcpStatus(error)),
  result: (fields) => fields,
  unknownResource: (uri) => ({ code: -32002, data: { uri } }),

  adoptMeta(meta = {}) {
    const kept: JsonObject = { ...meta };
    for (const name of [META_VERSION, META_CLIENT_INFO, META_CAPABILITIES, META_LOG_LEVEL]) delete kept[name];
    return kept;
  },

  adoptMessage(message: JsonRpcMessage): JsonRpcMessage {
    if (!isResponse(message) || message.result === undefined) return message;
    if (message.result.resultType === 'input_required') {
      return { ...message, result: { content: [{ type: 'text', text: INPUT_NEEDED }], isError: true } };
    }
    const { resultType: _, ttlMs: __, cacheScope: ___, ...result } = message.result;
    if (isObject(result._meta) && META_SERVER_INFO in result._meta) {
      const { [META_SERVER_INFO]: ____, ...meta } = result._meta;
      delete result._meta;
      if (Object.keys(meta).length > 0) result._meta = meta;
    }
    return { ...message, result };
  },
};
