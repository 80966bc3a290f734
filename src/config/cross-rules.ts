import { parseCidr } from '../lib/cidr.ts';
import { closestMatch } from '../lib/closest.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
import { isOauth, type Upstream } from '../model/upstream.ts';
import { isLocalOnly, localUrl } from './config.ts';
import type { Finding } from './fault.ts';
import type { ConfigEnvironment } from './layers.ts';
import type { ParsedSettings } from './parse-settings.ts';
import type { Settings } from './schema.ts';

/** Faults that show only when several settings are seen together. A rule is left out when one of its settings is faulty. */
export function checkTogether({ settings, isFaulty }: ParsedSettings, env: ConfigEnvironment): Finding[] {
  const listenKnown = !isFaulty('listen.host') && !isFaulty('publicUrl');
  return [
    ...(listenKnown ? checkPublicUrlNeeded(settings) : []),
    ...(listenKnown && !isFaulty('auth') ? checkOpenAccess(settings) : []),
    ...(isFaulty('masterKey') ? [] : checkMasterKey(settings, env)),
  ];
}

/** Nothing that is true for every client can be derived from a wildcard or a LAN address, and http would be refused. */
function checkPublicUrlNeeded({ listen, publicUrl }: Settings): Finding[] {
  if (publicUrl !== undefined || isLoopbackHost(listen.host)) return [];
  return [
    {
      path: ['listen', 'host'],
      problem: 'Listening beyond loopback needs `publicUrl`.',
      fix: 'Set it to the address that clients use, such as `https://mcp.example.com`, or `http://localhost:8420` for a container on this machine.',
    },
  ];
}

/** A loopback listener behind a reverse proxy is as open as the proxy is: hence the look at the public URL. */
function checkOpenAccess({ auth, listen, publicUrl }: Settings): Finding[] {
  if (auth === 'keys' || isLocalOnly(listen.host, publicUrl ?? localUrl(listen.host, listen.port))) return [];
  return [
    {
      path: ['auth'],
      problem: '`none` would let anybody on the network call everything.',
      fix: 'Use `keys`, or listen on 127.0.0.1 with a loopback `publicUrl`.',
    },
  ];
}

function checkMasterKey({ masterKey }: Settings, env: ConfigEnvironment): Finding[] {
  const set = Object.keys(masterKey);
  if (set.length > 1) {
    const names = set.map((name) => `\`${name}\``).join(' and ');
    return [
      { path: ['masterKey'], problem: `${names} are both set.`, fix: 'The key has one source: keep one of them.' },
    ];
  }
  if (masterKey.env === undefined || env[masterKey.env]) return [];
  return [
    {
      path: ['masterKey', 'env'],
      problem: `The environment variable ${masterKey.env} is not set.`,
      fix: 'Set it to the master key where the gateway is started.',
    },
  ];
}

/** People connect accounts on pages that they sign in to, and the keys that the gateway signs with are those of signing in. */
export function checkSignInNeeds({ oauth, upstreams: entries }: Settings, upstreams: readonly Upstream[]): Finding[] {
  if (oauth.enabled) return [];
  const problem = 'With `oauth.enabled: false` the gateway has no key to sign who calls.';
  return upstreams.flatMap((upstream): Finding[] => {
    const index = entries.findIndex((entry) => (entry as { name?: unknown } | null)?.name === upstream.name);
    if (upstream.transport === 'stdio') return [];
    if (upstream.identityHeader !== null) {
      return [{ path: ['upstreams', index, 'identityHeader'], problem, fix: 'Switch it on, or remove this.' }];
    }
    const { auth } = upstream;
    if (auth.kind === 'oauth-shared' || auth.kind === 'oauth-per-user') {
      const pages = 'With `oauth.enabled: false` nobody can sign in to the gateway, so nobody can connect an account.';
      const fix = 'Switch it on, or use `clientCredentials` or `headers`.';
      return [{ path: ['upstreams', index, 'auth', 'oauth'], problem: pages, fix }];
    }
    if (!isOauth(auth) || auth.oauth.exchange?.subject !== 'gateway') return [];
    const fix = 'Switch it on, or name an `identityProvider`.';
    return [{ path: ['upstreams', index, 'auth', 'tokenExchange'], problem, fix }];
  });
}

/** An identity provider can only vouch for people who sign in with it. */
export function checkExchanges(settings: Settings, upstreams: readonly Upstream[]): Finding[] {
  const known = settings.oauth.identityProviders.map(({ name }) => name);
  return upstreams.flatMap(({ name, auth }): Finding[] => {
    const provider = isOauth(auth) ? auth.oauth.exchange?.provider : null;
    if (provider == null || known.includes(provider)) return [];
    const index = settings.upstreams.findIndex((entry) => (entry as { name?: unknown } | null)?.name === name);
    const meant = closestMatch(provider, known);
    return [
      {
        path: ['upstreams', index, 'auth', 'tokenExchange', 'identityProvider'],
        problem: 'There is no such entry in `oauth.identityProviders`.',
        fix: meant === null ? 'Add it there, or remove this to have the gateway vouch.' : `Did you mean \`${meant}\`?`,
      },
    ];
  });
}

/** What is allowed and yet probably not meant. */
export function doubtsAbout(settings: Settings): Finding[] {
  const doubts: Finding[] = [];
  for (const [index, network] of settings.trustedProxies.entries()) {
    if (parseCidr(network).prefix > 0) continue;
    doubts.push({
      path: ['trustedProxies', index],
      problem: 'Every sender is believed, so that anybody can forge the address that key limits and the audit log see.',
      fix: 'List only the networks of your proxies.',
    });
  }
  if (settings.auth === 'none') {
    doubts.push({
      path: ['auth'],
      problem: 'Nobody is asked who they are: every program on this machine may call everything.',
      fix: 'Use `keys` for anything but trying things out.',
    });
  }
  return doubts;
}
