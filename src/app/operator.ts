import { timingSafeEqual } from 'node:crypto';
import type { AdminContext } from '../admin/admin-context.ts';
import type { Secret } from '../lib/secret.ts';
import { type Caller, DEFAULT_TENANT } from '../model/principal.ts';

/** Whoever works on the data folder directly: the user of the machine, who could read and write all of it anyway. */
export interface Operator {
  /** For the audit log, such as `local:ann`. */
  readonly name: string;
  /** Made for this one process; the only credential that is accepted beside access keys. */
  readonly credential: Secret;
}

type VerifyKey = AdminContext['verifyKey'];

/** Accepts the operator's credential as the owner's, and leaves everything else to the verifier of access keys. */
export function withOperator(verifyKey: VerifyKey, { name, credential }: Operator): VerifyKey {
  const expected = Buffer.from(credential.reveal());
  const caller: Caller = {
    tenantId: DEFAULT_TENANT,
    principal: { kind: 'user', id: 'local-operator', name },
    agent: { kind: 'command_line', id: 'toolgate', name: 'toolgate command line' },
    roles: ['owner'],
  };
  return (key, address) => {
    const given = Buffer.from(key);
    return given.length === expected.length && timingSafeEqual(given, expected) ? caller : verifyKey(key, address);
  };
}
