import { Option } from 'commander';
import { PROVIDER_PRESETS } from '../model/upstream.ts';
import { CliError } from './cli-error.ts';
import { collect } from './invocation.ts';

/** What `upstream add` is told about the credential. */
export interface AuthOptions {
  readonly header?: readonly string[];
  readonly userHeader?: readonly string[];
  readonly oauth?: 'user' | 'shared';
  readonly clientCredentials?: true;
  readonly tokenExchange?: true;
  readonly idJag?: true;
  readonly preset?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientAuth?: string;
  readonly scope?: readonly string[];
  readonly readOnly?: true;
  /** False with `--no-resource`. */
  readonly resource: boolean;
  readonly reach?: string;
  readonly identityProvider?: string;
  readonly audience?: string;
}

export const AUTH_OPTIONS: readonly Option[] = [
  new Option('--header <name>', 'header with a shared credential; store it with `upstream credential`').argParser(
    collect,
  ),
  new Option('--user-header <name>', 'header whose value each user has for themselves').argParser(collect),
  new Option('--oauth <whose>', 'accounts that are connected in the browser: everybody’s own, or one for all').choices([
    'user',
    'shared',
  ]),
  new Option('--client-credentials', 'tokens that the gateway gets for itself'),
  new Option('--token-exchange', 'tokens for each person, in exchange for who they are'),
  new Option('--id-jag', 'the same as enterprise-managed authorization'),
  new Option('--preset <name>', 'the provider, when it is one of these').choices(PROVIDER_PRESETS),
  new Option('--issuer <url>', 'the one authorization server to use'),
  new Option('--client-id <id>', 'client that you registered at the provider'),
  new Option('--client-auth <method>', 'how that client proves itself; client_secret_basic unless given').choices([
    'none',
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
  ]),
  new Option('--scope <scope>', 'ask for exactly these scopes').argParser(collect),
  new Option('--read-only', 'ask for the read-only scopes of the preset'),
  new Option('--no-resource', 'do not send the parameter `resource`'),
  new Option('--reach <how-far>', 'where metadata and tokens may come from').choices([
    'public',
    'internal',
    'loopback',
  ]),
  new Option('--identity-provider <name>', 'who vouches for people in an exchange, instead of the gateway'),
  new Option('--audience <audience>', 'audience of an exchange'),
];

/** `auth` for the API. Throws CliError when the options do not fit together. */
export function authFrom(options: AuthOptions): { readonly kind: string; readonly [member: string]: unknown } {
  const { header, userHeader, oauth, clientCredentials, tokenExchange, idJag } = options;
  const ways = [
    header && '--header',
    userHeader && '--user-header',
    oauth && '--oauth',
    clientCredentials && '--client-credentials',
    tokenExchange && '--token-exchange',
    idJag && '--id-jag',
  ].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new CliError(`Give one of ${ways.join(' and ')}: an upstream has one kind of credential.`, { exitCode: 2 });
  }
  const exchanges = tokenExchange === true || idJag === true;
  const stray = strayOption(options, oauth !== undefined || clientCredentials === true || exchanges, exchanges);
  if (stray !== undefined) throw new CliError(stray, { exitCode: 2 });
  if (header !== undefined) return { kind: 'headers', names: header };
  if (userHeader !== undefined) return { kind: 'headers-per-user', names: userHeader };
  if (oauth !== undefined) {
    return { kind: oauth === 'shared' ? 'oauth-shared' : 'oauth-per-user', oauth: providerOf(options) };
  }
  if (clientCredentials) {
    if (options.clientId === undefined || options.clientAuth === 'none') {
      const fix = 'Add --client-id, and a --client-auth other than none.';
      throw new CliError(`With --client-credentials the client is the account, so it proves itself. ${fix}`, {
        exitCode: 2,
      });
    }
    return { kind: 'client-credentials', oauth: providerOf(options) };
  }
  if (!exchanges) return { kind: 'none' };
  if (options.clientId === undefined) {
    const fix = 'Register a client for it at the provider, allow it this grant there, and add its --client-id.';
    throw new CliError(`With --token-exchange and --id-jag the gateway cannot register itself. ${fix}`, {
      exitCode: 2,
    });
  }
  const { identityProvider, audience } = options;
  const exchange = {
    grant: idJag ? 'id-jag' : 'token-exchange',
    ...(identityProvider !== undefined && { subject: 'identity-provider', provider: identityProvider }),
    ...(audience !== undefined && { audience }),
  };
  return { kind: 'token-exchange', oauth: { ...providerOf(options), exchange } };
}

function strayOption(options: AuthOptions, isOauth: boolean, exchanges: boolean): string | undefined {
  const { preset, issuer, clientId, clientAuth, scope, readOnly, resource, reach, identityProvider, audience } =
    options;
  const given = (values: Record<string, unknown>) =>
    Object.entries(values).find(([, value]) => value !== undefined)?.[0];
  const ofProvider = given({
    '--preset': preset,
    '--issuer': issuer,
    '--client-id': clientId,
    '--scope': scope,
    '--read-only': readOnly,
    '--no-resource': resource ? undefined : true,
    '--reach': reach,
  });
  if (ofProvider !== undefined && !isOauth) {
    return `${ofProvider} goes with --oauth, --client-credentials, --token-exchange or --id-jag.`;
  }
  if (clientAuth !== undefined && clientId === undefined) return '--client-auth goes with --client-id.';
  const ofExchange = given({ '--identity-provider': identityProvider, '--audience': audience });
  return ofExchange === undefined || exchanges ? undefined : `${ofExchange} goes with --token-exchange or --id-jag.`;
}

/** Only what was given: the API knows the defaults. */
function providerOf(options: AuthOptions): object {
  const { preset, issuer, clientId, clientAuth = 'client_secret_basic', scope, readOnly, resource, reach } = options;
  return {
    ...(preset !== undefined && { preset }),
    ...(issuer !== undefined && { issuer }),
    ...(clientId !== undefined && { client: { id: clientId, authMethod: clientAuth } }),
    ...(scope !== undefined && { scopes: scope }),
    ...(readOnly && { readOnly }),
    ...(!resource && { sendResource: false }),
    ...(reach !== undefined && { reach }),
  };
}
