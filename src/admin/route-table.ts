import { accessKeyRoutes } from './access-keys.ts';
import { auditRoutes } from './audit.ts';
import { connectionRoutes } from './connections.ts';
import { grantRoutes } from './grants.ts';
import { groupRoutes } from './groups.ts';
import { identityProviderRoutes } from './identity-providers.ts';
import { myCredentialRoutes } from './my-credential.ts';
import { oauthClientRoutes } from './oauth-clients.ts';
import { policyRoutes } from './policy-explain.ts';
import { roleAssignmentRoutes } from './role-assignments.ts';
import { roleRoutes } from './roles.ts';
import type { Route } from './routes.ts';
import { serviceAccountRoutes } from './service-accounts.ts';
import { setupLinkRoutes } from './setup-links.ts';
import { signingKeyRoutes } from './signing-keys.ts';
import { stateRoutes } from './state.ts';
import { upstreamCredentialRoutes } from './upstream-credentials.ts';
import { upstreamRoutes } from './upstreams.ts';
import { userRoutes } from './users.ts';
import { vaultRoutes } from './vault.ts';
import { whoamiRoutes } from './whoami.ts';

/** Every route but the one that describes them. What is not here does not exist, and is as closed as what is. */
export const DESCRIBED_ROUTES: readonly Route[] = [
  ...whoamiRoutes,
  ...userRoutes,
  ...serviceAccountRoutes,
  ...groupRoutes,
  ...roleRoutes,
  ...roleAssignmentRoutes,
  ...accessKeyRoutes,
  ...setupLinkRoutes,
  ...grantRoutes,
  ...oauthClientRoutes,
  ...identityProviderRoutes,
  ...signingKeyRoutes,
  ...upstreamRoutes,
  ...upstreamCredentialRoutes,
  ...myCredentialRoutes,
  ...connectionRoutes,
  ...policyRoutes,
  ...auditRoutes,
  ...vaultRoutes,
  ...stateRoutes,
];
