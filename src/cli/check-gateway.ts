import type { Config } from '../config/config.ts';
import { isPersonal } from '../model/upstream.ts';
import { createAdminClient } from './admin-client.ts';
import { answers } from './connect-admin.ts';
import { isDataFolder, isInUse } from './data-folder.ts';
import { dialUrl } from './dial-url.ts';
import { type Finding, fail, failed, ok, warn } from './finding.ts';
import { createHttpTransport, readGatewayUrl, reasonOf } from './http-transport.ts';
import type { Invocation } from './invocation.ts';
import { probePort } from './probe-port.ts';
import { readKey } from './read-key.ts';
import { tokenReport } from './token-health.ts';
import { stateOf, troublesOf, type UpstreamView } from './upstream-status.ts';

/** Whether a gateway runs on the data folder, or could; and how it is doing. */
export async function checkGateway(invocation: Invocation, config: Config): Promise<Finding[]> {
  const { dataDir, listen, publicUrl } = config;
  const given = invocation.options.url ?? (invocation.env.TOOLGATE_URL || undefined);
  const local = dialUrl(config);
  const origin = given === undefined ? local : readGatewayUrl('--url', given);
  const running = (await isDataFolder(dataDir)) && isInUse(dataDir);
  if (await answers(origin)) {
    const reached =
      running || given !== undefined
        ? ok('gateway', `runs at ${origin}`)
        : warn(
            'gateway',
            `A gateway runs at ${origin}, but not on ${dataDir}.`,
            'Choose another port (--port) or data folder (--data-dir).',
          );
    // A port of 0, or an address from the command line, leaves the configured public URL without meaning here.
    const canonical = given === undefined ? [await checkPublicUrl(publicUrl)] : [];
    return [reached, ...canonical, ...(await checkUpstreams(invocation, origin, running ? config : null))];
  }
  if (running) {
    const detail = `A gateway uses ${dataDir}, but does not answer at ${origin}.`;
    return [warn('gateway', detail, 'If it has another address, name it with --url; otherwise look at its log.')];
  }
  return [await checkPort(listen.host, listen.port)];
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'this user may not',
  EADDRNOTAVAIL: 'it is not an address of this machine',
};

async function checkPort(host: string, port: number): Promise<Finding> {
  const code = await probePort(host, port);
  if (code === null) return ok('port', `${host}:${port} is free; no gateway runs`);
  const detail = `${host}:${port} cannot be listened on: ${WHY[code] ?? code}.`;
  return fail('port', detail, 'Stop that program, or choose another address: --host, --port.');
}

/** Whether clients that use the public address get to this gateway, and are told the same address again. */
async function checkPublicUrl(publicUrl: string): Promise<Finding> {
  const fix = 'Make DNS, TLS and the reverse proxy lead there, with the Host header unchanged; or correct `publicUrl`.';
  const metadata = `${publicUrl}/.well-known/oauth-protected-resource/mcp`;
  try {
    const response = await fetch(metadata, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
    if (!response.ok) return fail('public URL', `${metadata} answers with HTTP ${response.status}.`, fix);
    const { resource } = (await response.json()) as { resource?: unknown };
    return resource === `${publicUrl}/mcp`
      ? ok('public URL', publicUrl)
      : fail('public URL', `What answers at ${publicUrl} calls itself ${String(resource)}.`, fix);
  } catch (error) {
    return fail('public URL', `${publicUrl} does not answer: ${reasonOf(error)}.`, fix);
  }
}

/** @param config what the gateway would read now; null when it may be that of another gateway */
async function checkUpstreams(invocation: Invocation, origin: string, config: Config | null): Promise<Finding[]> {
  try {
    const key = await readKey(invocation, invocation.options);
    if (key === null) {
      return [
        warn('upstreams', 'They were not looked at.', 'Give the key of an administrator: TOOLGATE_KEY or --key-file.'),
      ];
    }
    const api = createAdminClient(createHttpTransport(origin, key));
    const upstreams = await api.all<UpstreamView>('/upstreams');
    return [...upstreams.map(checkUpstream), ...(config === null ? [] : checkReload(upstreams, config))];
  } catch (error) {
    return [failed('upstreams', error)];
  }
}

/** A file that was changed and not read again, or was refused when it was. */
function checkReload(upstreams: readonly UpstreamView[], config: Config): Finding[] {
  const runs = upstreams.filter(({ source }) => source === 'file').map(({ name }) => name);
  const stand = config.upstreams.map(({ name }) => name);
  const gone = runs.filter((name) => !stand.includes(name));
  const added = stand.filter((name) => !runs.includes(name));
  if (gone.length + added.length === 0) return [];
  const detail = [
    'The gateway goes on with an earlier configuration.',
    ...(gone.length > 0 ? [`In the file no more: ${gone.join(', ')}.`] : []),
    ...(added.length > 0 ? [`Only in the file: ${added.join(', ')}.`] : []),
  ];
  const fix = 'Send it SIGHUP. If it refuses the file, its log says why.';
  return [warn('configuration', detail.join(' '), fix)];
}

function checkUpstream(upstream: UpstreamView): Finding {
  const { name } = upstream;
  const check = `upstream ${name}`;
  const state = stateOf(upstream);
  const troubles = troublesOf(upstream).map((trouble) => trouble.slice(name.length + 2));
  const tokens = tokenReport(upstream);
  const told = tokens === null ? [] : [tokens.text];
  const fix = `Run: ${(tokens?.isTrouble ? tokens.fix : null) ?? `toolgate upstream test ${name}`}`;
  if (state === 'failed' || state === 'open-breaker') return fail(check, troubles[0] ?? tokens?.text ?? state, fix);
  if (state === 'starting') return warn(check, 'It is still being connected.', fix);
  if (tokens?.isTrouble) return warn(check, [...told, ...troubles].join('\n'), fix);
  if (troubles.length > 0) return warn(check, [...troubles, ...told].join('\n'), fix);
  return ok(check, [offersOf(upstream), ...told].join('\n'));
}

function offersOf(upstream: UpstreamView): string {
  const { auth, status } = upstream;
  const state = stateOf(upstream);
  if (status === null || state === 'disabled') return state;
  if (isPersonal(auth)) return 'It can be reached; what it offers is known of each person alone.';
  return `${status.tools} tools, ${status.prompts} prompts, ${status.resources} resources`;
}
