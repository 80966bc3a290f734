import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ProviderBehaviour } from './oauth-provider-behaviours.ts';
import type { createFakeClients } from './oauth-provider-clients.ts';
import type { createFakeGrants, FakeAccessToken } from './oauth-provider-grants.ts';
import { type ProviderRequest, sendJson } from './oauth-provider-request.ts';

interface Parts {
  readonly store: ReturnType<typeof createFakeGrants>;
  readonly clients: ReturnType<typeof createFakeClients>;
  readonly stats: { revocations: string[] };
  bearerOf(headers: IncomingHttpHeaders): FakeAccessToken | undefined;
}

/** What GitHub (as Enterprise Server does, below `/api/v3`) and Slack have instead of the standard endpoints. */
export function createOwnApi(behaviour: ProviderBehaviour, { store, clients, stats, bearerOf }: Parts) {
  async function github({ method, path, headers, body }: ProviderRequest, response: ServerResponse): Promise<boolean> {
    if (path === '/api/v3/user') {
      const found = bearerOf(headers);
      if (found === undefined) sendJson(response, 401, { message: 'Bad credentials' });
      else sendJson(response, 200, { login: found.grant.account });
      return true;
    }
    if (method !== 'DELETE' || !/^\/api\/v3\/applications\/[^/]+\/token$/.test(path)) return false;
    await clients.authenticate(headers.authorization, new URLSearchParams(), []);
    const gone = store.revoke(String(body?.access_token));
    if (gone === null) sendJson(response, 404, { message: 'Not Found' });
    else {
      stats.revocations.push(gone);
      response.writeHead(204).end();
    }
    return true;
  }

  function slack({ path, headers }: ProviderRequest, response: ServerResponse): boolean {
    const found = bearerOf(headers);
    if (path === '/api/auth.test') {
      sendJson(response, 200, found ? { ok: true, user: found.grant.account, team: 'Acme' } : { ok: false });
      return true;
    }
    if (path !== '/api/auth.revoke') return false;
    if (found === undefined) sendJson(response, 200, { ok: false, error: 'invalid_auth' });
    else {
      stats.revocations.push(store.revoke((headers.authorization ?? '').replace(/^Bearer /i, ''))!);
      sendJson(response, 200, { ok: true, revoked: true });
    }
    return true;
  }

  return async (received: ProviderRequest, response: ServerResponse): Promise<void> => {
    if (behaviour === 'github' && (await github(received, response))) return;
    if (behaviour === 'slack' && slack(received, response)) return;
    sendJson(response, 404, { error: 'not_found' });
  };
}
