import { Secret } from '../../src/lib/secret.ts';
import type { Challenge } from '../../src/upstreams/oauth/provider/challenge.ts';
import type { TokenSource } from '../../src/upstreams/renewable-credentials.ts';
import type { Credential } from '../../src/upstreams/upstream-connection.ts';
import type { HttpFakeGuard, Received } from './upstream-http.ts';

export interface Renewal {
  readonly owner: string;
  /** The token that was refused. */
  readonly used: string;
  readonly challenge: Challenge;
}

/**
 * Tokens that die when a test says so, without the gateway knowing. Everybody has their own; one that died is refused by
 * `guard`, until it was renewed.
 */
export interface RotatingTokens extends TokenSource {
  /** May be replaced. */
  of: TokenSource['of'];
  /** For fakes: answers 401 to everything without a token that lives. */
  readonly guard: HttpFakeGuard;
  /** All tokens that are out are dead from now on. */
  expire(): void;
  readonly renewals: Renewal[];
  /** What came with a token that lived. */
  readonly accepted: Received[];
  /** When set, it is what every renewal rejects with. */
  refusal: Error | undefined;
  /** Instead of the 401. */
  refuse: HttpFakeGuard;
  /** When set, also tokens that live are refused. */
  refusesAll: boolean;
  /** Whom the token in these headers is of. */
  ownerOf(received: Received): string;
  /** The token that lives, and the one before it. */
  tokensOf(owner: string): readonly [now: string, before: string];
}

export function createRotatingTokens(): RotatingTokens {
  let living = 1;
  const known = new Map<string, { generation: number; credential: Credential }>();
  const textOf = (owner: string, generation: number): string => `token-of-${owner}-number-${generation}`;
  const nameOf = (owner: { id: string } | undefined): string => owner?.id ?? 'everybody';
  const issue = (owner: string): Credential => {
    const headers = [['Authorization', new Secret(`Bearer ${textOf(owner, living)}`)]] as const;
    const credential: Credential = { id: owner, headers };
    known.set(owner, { generation: living, credential });
    return credential;
  };
  const presented = ({ headers }: Received) => /^Bearer token-of-(.+)-number-(\d+)$/.exec(headers.authorization ?? '');

  const tokens: RotatingTokens = {
    of: (_upstream, owner) => known.get(nameOf(owner))?.credential ?? issue(nameOf(owner)),
    async renewed(_upstream, owner, used, challenge) {
      const name = nameOf(owner);
      tokens.renewals.push({ owner: name, used: used.headers[0]![1].reveal(), challenge });
      if (tokens.refusal !== undefined) throw tokens.refusal;
      const now = known.get(name)!;
      return now.generation < living ? issue(name) : now.credential;
    },
    guard(received, res) {
      if (tokens.refusesAll || Number(presented(received)?.[2]) !== living) return tokens.refuse(received, res);
      tokens.accepted.push(received);
      return false;
    },
    expire: () => void living++,
    renewals: [],
    accepted: [],
    refusal: undefined,
    refusesAll: false,
    refuse(_received, res) {
      const challenge = 'Bearer error="invalid_token", resource_metadata="https://mcp.example.com/metadata"';
      res.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' });
      res.end('{"error":"invalid_token"}');
      return true;
    },
    ownerOf: (received) => presented(received)?.[1] ?? 'nobody',
    tokensOf: (owner) => [textOf(owner, living), textOf(owner, living - 1)],
  };
  return tokens;
}
