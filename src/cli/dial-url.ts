import { type Config, localUrl } from '../config/config.ts';

/** Where commands on this machine reach the gateway that has this configuration, unless they are given an address. */
export function dialUrl({ listen }: Pick<Config, 'listen'>): string {
  return localUrl(connectHost(listen.host), listen.port);
}

/** A listener on every address of the machine is reached by the loopback one. */
function connectHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
