import type { IncomingMessage } from 'node:http';
import type { AdminContext, Change } from '../admin/admin-context.ts';
import type { Config } from '../config/config.ts';
import { vaultReferencesOf } from '../config/vault-references.ts';
import { AppError } from '../errors/app-error.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { createOriginCheck } from '../http/host-origin.ts';
import type { Logger } from '../http/logger.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { explain } from '../policy/explain.ts';
import { validateRoles } from '../policy/validate-roles.ts';
import { loadPrincipal } from '../store/load-principal.ts';
import type { SecretRef } from '../store/secrets.ts';
import type { CredentialOwner } from '../upstreams/resolve-credential.ts';
import type { State } from './open-state.ts';
import { rotateMasterKey } from './rotate-master-key.ts';
import type { Runtime } from './runtime.ts';
import type { SignIn } from './sign-in.ts';

export interface AdminWiring {
  readonly log: Logger;
  readonly recordRefusal: NonNullable<AdminContext['recordRefusal']>;
  readonly verifyKey: AdminContext['verifyKey'];
  readonly state: State;
  readonly runtime: Runtime;
  readonly signIn: SignIn;
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
  signIn,
  gateway,
  config,
  addressOf,
  version,
}: AdminWiring): AdminContext {
  const { upstreams, engine, policy } = runtime;
  const { credentials } = signIn;
  const { connections, machine } = runtime.tokens;
  /** Only with the person: a password that ended takes no account away. */
  const endConnections = async (id: string): Promise<void> => {
    machine.endOfPrincipal(id);
    const principal = await loadPrincipal(state.db, { tenantId: DEFAULT_TENANT, id });
    if (principal?.status !== 'active') await connections.endOfPrincipal(id);
  };
  const changed = async (change: Change): Promise<void> => {
    switch (change.kind) {
      case 'upstreams':
      case 'roles':
        await runtime.apply(config());
        break;
      case 'credential':
        runtime.credentials.forget(change.upstream);
        runtime.tokens.machine.forget(change.upstream);
        upstreams.credentialChanged(change.upstream, ownerOf(change.owner));
        break;
      case 'assignments':
        credentials.invalidateAll();
        return gateway.recheck();
      case 'key-changed':
        credentials.invalidateKey(change.keyId);
        return gateway.recheck();
      case 'key-revoked':
        credentials.revokeKey(change.keyId);
        return;
      case 'principal-changed':
        if (change.disabled) {
          credentials.revokePrincipal(change.id);
          await signIn.endOfPrincipal(change.id);
          await endConnections(change.id);
        } else credentials.invalidatePrincipal(change.id);
        return gateway.recheck();
    }
    gateway.refresh();
    if (change.kind === 'roles') await gateway.recheck();
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
    connections,
    machineTokens: machine,
    get publicUrl() {
      return config().publicUrl;
    },
    policy: { validateRoles, explain: (...asked) => explain(engine, policy, ...asked) },
    get fileUpstreams() {
      return config().upstreams;
    },
    signIn: signIn.administration,
    get vaultReferences() {
      return vaultReferencesOf(config());
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
