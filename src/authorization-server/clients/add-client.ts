import { randomBytes } from 'node:crypto';
import type { DeclaredClient } from '../../config/declared-client-schema.ts';
import { newId } from '../../lib/ids.ts';
import { Secret } from '../../lib/secret.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import type { Maker } from '../../model/maker.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import type { Database } from '../../store/database.ts';
import { insertOauthClient, type OauthClient } from '../../store/oauth-clients.ts';
import { declaredMetadata } from './declared-clients.ts';

export interface NewClient extends DeclaredClient {
  /** Whom it acts for in the client credentials grant. */
  readonly serviceAccountId: string | null;
  /** Where the admin is. */
  readonly address: string;
  readonly maker: Maker | null;
}

/** A client that was just added; `secret` is shown once, and null where it proves itself otherwise or not at all. */
export interface AddedClient {
  readonly client: OauthClient;
  readonly secret: Secret | null;
}

/** Adds a client as the configuration file does, under a new id. The client was checked (checkDeclaredClient). */
export async function addClient(db: Database, added: NewClient, now: number): Promise<AddedClient> {
  const { serviceAccountId, address, maker } = added;
  const secret = added.authMethod === 'client_secret_basic' ? new Secret(randomBytes(32).toString('base64url')) : null;
  const client = await insertOauthClient(
    db,
    {
      tenantId: DEFAULT_TENANT,
      id: newId('cli', now),
      source: 'added',
      name: added.name,
      status: 'active',
      metadata: declaredMetadata(added, serviceAccountId !== null),
      address,
      secretHash: secret === null ? null : sha256Hex(secret.reveal()),
      serviceAccountId,
      maker,
    },
    now,
  );
  return { client, secret };
}
