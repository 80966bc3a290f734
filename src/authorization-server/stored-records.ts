import type { Adapter, AdapterPayload } from 'oidc-provider';
import { sha256Hex } from '../lib/sha256.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import {
  consumeOauthRecord,
  deleteOauthRecord,
  deleteOauthRecordsOfGrant,
  findOauthRecord,
  findOauthRecordByUserCode,
  insertOauthRecord,
  type OauthRecord,
  putOauthRecord,
} from '../store/oauth-records.ts';
import type { ServerContext } from './context.ts';
import { refreshWork } from './grants/refresh-work.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { revokeGrant } from './revoke-grant.ts';

const tenantId = DEFAULT_TENANT;

/**
 * Stands in for a device code, which only the device knows, where its record was found by the user code and is written
 * back. Presented by a device it must open nothing: see grants/device-code.ts.
 */
const HANDLE = 'sha256:';

export const isRecordHandle = (id: string): boolean => id.startsWith(HANDLE);

const hashOf = (kind: string, id: string): string =>
  kind === 'DeviceCode' && isRecordHandle(id) ? id.slice(HANDLE.length) : sha256Hex(id);

/** Codes, refresh tokens, sessions, interactions and what else lives for a while, of one kind. */
export function storedRecords(kind: string, context: ServerContext, { errors }: OidcLibrary): Adapter {
  const { db, now } = context;
  const refOf = (id: string) => ({ tenantId, kind, idHash: hashOf(kind, id) });

  return {
    async upsert(id, payload, expiresIn) {
      const record = recordOf(kind, id, payload, expiresIn === undefined ? null : now() + expiresIn * 1000);
      const work = refreshWork.getStore();
      if (kind === 'RefreshToken' && work !== undefined) {
        work.successor = record;
      } else if (kind === 'ReplayDetection') {
        // The library looks first and writes later; what counts is who writes.
        if (!(await insertOauthRecord(db, record))) throw new errors.InvalidGrant('this proof was seen before');
      } else await putOauthRecord(db, record);
    },

    async find(id) {
      const record = await findOauthRecord(db, refOf(id));
      if (record === null) return undefined;
      const work = refreshWork.getStore();
      const isAnswered = kind === 'RefreshToken' && work?.tokenHash === record.idHash && work.answered;
      return payloadOf(isAnswered ? { ...record, consumedAt: null } : record, id);
    },

    /** Of sessions, which are not kept: see browser-bound-session.ts. */
    async findByUid() {
      return undefined;
    },

    async findByUserCode(userCode) {
      const record = await findOauthRecordByUserCode(db, { tenantId, kind, userCodeHash: sha256Hex(userCode) });
      return record === null ? undefined : payloadOf(record, HANDLE + record.idHash);
    },

    /** The library has seen it unused; of all that have, one may go on. */
    async consume(id) {
      const ref = refOf(id);
      const work = refreshWork.getStore();
      if (kind === 'RefreshToken' && work?.tokenHash === ref.idHash) {
        work.consumes = true;
        return;
      }
      if (await consumeOauthRecord(db, ref, now())) return;
      const record = await findOauthRecord(db, ref);
      // A code that is presented twice was seen by somebody else (RFC 6749 §4.1.2): what came of it ends, too.
      if (record?.grantId) await revokeGrant(context, record.grantId, 'code_replayed');
      throw new errors.InvalidGrant('already used');
    },

    async destroy(id) {
      await deleteOauthRecord(db, refOf(id));
    },

    async revokeByGrantId(grantId) {
      await deleteOauthRecordsOfGrant(db, { tenantId, grantId, kind });
    },
  };
}

function recordOf(kind: string, id: string, payload: AdapterPayload, expiresAt: number | null) {
  // The id is the secret itself for codes and tokens; `consumed` has a column.
  const { jti: _id, consumed: _consumed, ...kept } = payload as AdapterPayload & Record<string, unknown>;
  return {
    tenantId,
    kind,
    idHash: hashOf(kind, id),
    payload: kept,
    grantId: payload.grantId ?? null,
    userCodeHash: payload.userCode === undefined ? null : sha256Hex(payload.userCode),
    expiresAt,
  };
}

function payloadOf(record: OauthRecord, id: string): AdapterPayload {
  return {
    ...record.payload,
    jti: id,
    ...(record.consumedAt !== null && { consumed: Math.floor(record.consumedAt / 1000) }),
  } as AdapterPayload;
}
