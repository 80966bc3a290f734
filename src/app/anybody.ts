import { FULL_ACCESS } from '../identity/create-first-accounts.ts';
import { type Caller, DEFAULT_TENANT } from '../model/principal.ts';

/** Who calls under `auth: none`. */
export const ANYBODY: Caller = {
  tenantId: DEFAULT_TENANT,
  principal: { kind: 'service_account', id: 'anonymous', name: 'anonymous' },
  agent: { kind: 'anonymous', id: 'anonymous', name: 'anonymous' },
  roles: [FULL_ACCESS],
};
