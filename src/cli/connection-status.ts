import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { CliError } from './cli-error.ts';
import type { Invocation } from './invocation.ts';
import { lookupPrincipal } from './lookup.ts';
import { renderTable } from './table.ts';
import { formatAgo, formatMinute } from './time.ts';
import { type WhoseOptions, whoseConnection } from './whose-connection.ts';

/** A connection as the API shows it. */
export interface Connection {
  readonly id: string;
  readonly upstream: string;
  readonly owner: { readonly kind: 'shared' | 'user' | 'service_account'; readonly id: string };
  readonly state: 'connected' | 'needs_reauth' | 'needs_scopes' | 'failing' | 'changed_issuer';
  readonly issuer: string;
  readonly account: string | null;
  readonly scopes: readonly string[];
  readonly connectedAt: number;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  readonly refreshedAt: number | null;
  readonly lastError: string | null;
  readonly lastErrorAt: number | null;
  readonly lastUsedAt: number | null;
  readonly lastUsedBy: string | null;
  readonly nextAction: string | null;
}

const ofWhom = ({ owner }: Connection): string => (owner.kind === 'shared' ? 'everybody' : owner.id);

function paintState({ terminal }: Invocation, { state }: Connection): (text: string) => string {
  const { green, yellow, red } = terminal.style;
  if (state === 'connected') return green;
  return state === 'changed_issuer' ? red : yellow;
}

export async function listConnections(invocation: Invocation<WhoseOptions & { upstream?: string }>): Promise<void> {
  const { options, terminal } = invocation;
  const { upstream, shared, mine, user, serviceAccount } = options;
  const api = await invocation.api();
  const named = user !== undefined || serviceAccount !== undefined;
  const connections = await api.all<Connection>('/connections', {
    upstream,
    shared,
    mine,
    principal: named ? (await lookupPrincipal(api, options)).id : undefined,
  });
  const now = Date.now();
  const troubles = connections.filter(({ nextAction }) => nextAction !== null);
  invocation.show(connections, () =>
    connections.length === 0
      ? 'There are no such connections.'
      : [
          renderTable(
            [
              { title: 'UPSTREAM', value: (one) => one.upstream, shrinks: true },
              { title: 'OF', value: ofWhom, shrinks: true },
              { title: 'ACCOUNT', value: ({ account }) => account ?? '-', shrinks: true },
              {
                title: 'STATE',
                value: ({ state }) => state,
                paint: (cell, one) => paintState(invocation, one)(cell),
              },
              {
                title: 'TOKEN UNTIL',
                value: ({ expiresAt }) => (expiresAt === null ? '-' : formatMinute(expiresAt)),
              },
              {
                title: 'LAST USED',
                value: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : formatAgo(lastUsedAt, now)),
              },
            ],
            connections,
            terminal.columns,
          ),
          ...(troubles.length > 0 ? [''] : []),
          ...troubles.map((one) =>
            terminal.style.yellow(escapeUnprintable(`${one.upstream} (${ofWhom(one)}): ${one.nextAction}`)),
          ),
        ].join('\n'),
  );
}

export async function showConnection(invocation: Invocation<WhoseOptions>, upstream: string): Promise<void> {
  const api = await invocation.api();
  const whose = await whoseConnection(api, upstream, invocation.options);
  const [connection] = await api.all<Connection>('/connections', whose.query);
  if (connection === undefined) {
    throw new CliError(
      `There is no such connection: ${whose.phrase} to ${upstream}. Make it: toolgate connection connect ${upstream}`,
      {
        data: { code: 'not_found' },
      },
    );
  }
  invocation.show(connection, () => connectionLines(invocation, connection).join('\n'));
}

function connectionLines(invocation: Invocation, connection: Connection): string[] {
  const { issuer, account, scopes, connectedAt, refreshExpiresAt, refreshedAt, lastUsedAt, lastUsedBy } = connection;
  const now = Date.now();
  const when = (time: number): string => `${formatMinute(time)}${time <= now ? ` (${formatAgo(time, now)})` : ''}`;
  const facts: [string, string | null][] = [
    ['upstream', connection.upstream],
    ['of', ofWhom(connection)],
    ['provider', issuer],
    ['account', account ?? 'not told by the provider'],
    ['scopes', scopes.length === 0 ? 'as the provider decided' : scopes.join(' ')],
    ['connected', when(connectedAt)],
    ['token until', connection.expiresAt === null ? 'it does not expire' : when(connection.expiresAt)],
    ['refreshed', refreshedAt === null ? 'never' : when(refreshedAt)],
    ['sign in again', refreshExpiresAt === null ? null : `before ${when(refreshExpiresAt)}`],
    [
      'last used',
      lastUsedAt === null ? 'never' : `${when(lastUsedAt)}${lastUsedBy === null ? '' : ` by ${lastUsedBy}`}`,
    ],
    ['last error', errorOf(connection, when)],
    ['to do', connection.nextAction],
  ];
  return [
    `${'state'.padEnd(14)}${paintState(invocation, connection)(connection.state)}`,
    ...facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(14)}${escapeUnprintable(value)}`])),
  ];
}

const errorOf = ({ lastError, lastErrorAt }: Connection, when: (time: number) => string): string | null =>
  lastError === null ? null : `${lastError}${lastErrorAt === null ? '' : `, ${when(lastErrorAt)}`}`;
