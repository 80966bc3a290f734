import { parseCidr } from '../lib/cidr.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
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
