import type { IncomingMessage } from 'node:http';
import type { AdminContext, Change } from '../admin/admin-context.ts';
import type { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import type { VerifyKey } from '../gateway/authenticate.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { createOriginCheck } from '../http/host-origin.ts';
import type { Logger } from '../http/logger.ts';
import { explain } from '../policy/explain.ts';
import { validateRoles } from '../policy/validate-roles.ts';
import type { SecretRef } from '../store/secrets.ts';
import type { CredentialOwner } from '../upstreams/resolve-credential.ts';
import type { State } from './open-state.ts';
import { rotateMasterKey } from './rotate-master-key.ts';
import type { Runtime } from './runtime.ts';

export interface AdminWiring {
  readonly log: Logger;
  readonly recordRefusal: NonNullable<AdminContext['recordRefusal']>;
  readonly verifyKey: VerifyKey;
  readonly state: State;
  readonly runtime: Runtime;
  readonly gateway: Gateway;
  readonly config: () => Config;
  readonly addressOf: (request: IncomingMessage) => string;
  readonly version: string;
}

/** Gives the admin API its means, and makes every change effective before it is answered. */
export function adminContext({
  log,
  recordRefusal,
  verifyKey,
  state,
  runtime,
  gateway,
  config,
  addressOf,
  version,
}: AdminWiring): AdminContext {
  const { keys, upstreams, engine, policy } = runtime;
  const changed = async (change: Change): Promise<void> => {
    switch (change.kind) {
      case 'upstreams':
      case 'roles':
        await runtime.apply(config());
        break;
      case 'credential':
        runtime.credentials.forget(change.upstream);
        upstreams.credentialChanged(change.upstream, ownerOf(change.owner));
        break;
      case 'assignments':
        keys.invalidateAll();
        return;
      case 'key-changed':
        keys.invalidateKey(change.keyId);
        return;
      case 'key-revoked':
        keys.revokeKey(change.keyId);
        return;
      case 'principal-changed':
        if (change.disabled) keys.revokePrincipal(change.id);
        else keys.invalidatePrincipal(change.id);
        return;
    }
    gateway.refresh();
  };
  return {
    db: state.db,
    vault: state.vault,
    audit: state.audit,
    log,
    recordRefusal,
    verifyKey,
    addressOf,
    checkOrigin: (request) => createOriginCheck({ ...config(), listenPort: config().listen.port })(request),
    upstreams,
    policy: { validateRoles, explain: (caller, target) => explain(engine, policy, caller, target) },
    get fileUpstreams() {
      return config().upstreams;
    },
    get fileRoles() {
      return validateRoles(config().roles);
    },
    changed,
    rotateMasterKey: async () => {
      const { masterKey } = config();
      if (!('file' in masterKey)) {
        throw new AppError(
          'conflict',
          'The master key is not in a file. Change it where it comes from, then restart the gateway.',
        );
      }
      return rotateMasterKey(state.vault, masterKey.file);
    },
    version,
  };
}

/** A shared credential has no owner. */
const ownerOf = ({ kind, id }: SecretRef['owner']): CredentialOwner | undefined =>
  kind === 'shared' ? undefined : { kind, id };
