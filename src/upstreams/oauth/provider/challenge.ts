/** What an upstream says is missing, in the `WWW-Authenticate` header of its answer (RFC 6750 §3, RFC 9728 §5.1). */
export interface Challenge {
  readonly status: 401 | 403;
  /** URL of its protected resource metadata, as it stands there: not checked, and not to be fetched unguarded. */
  readonly resourceMetadata: string | null;
  /** Empty when it names none. */
  readonly scopes: readonly string[];
  readonly error: string | null;
}

/** Longer headers come from nobody who wants to be understood. */
const MAX_LENGTH = 8192;
const MAX_SCOPES = 100;

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
/** RFC 6749 §3.3; longer ones are no names. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/**
 * Reads the Bearer challenge of an answer. A 401 is a challenge also without a header that says more, because old servers
 * send none; a 403 only when its Bearer challenge says `insufficient_scope`: all else that is forbidden stays so with
 * any token. Null when a new token would not help.
 *
 * @param wwwAuthenticate one field with one or several challenges, or several fields; anything at all may stand there
 */
export function readChallenge(status: number, wwwAuthenticate: string | string[] | undefined): Challenge | null {
  if (status !== 401 && status !== 403) return null;
  const parameters = bearerParameters(wwwAuthenticate);
  const error = parameters?.get('error') ?? null;
  if (status === 403 && error !== 'insufficient_scope') return null;
  const scopes = (parameters?.get('scope') ?? '').split(' ').filter((scope) => SCOPE.test(scope));
  return {
    status,
    resourceMetadata: parameters?.get('resource_metadata') ?? null,
    scopes: [...new Set(scopes)].slice(0, MAX_SCOPES),
    error,
  };
}

/** Of several Bearer challenges the first one that has parameters counts. Null when there is none. */
function bearerParameters(header: string | string[] | undefined): ReadonlyMap<string, string> | null {
  const text = Array.isArray(header) ? header.join(', ') : (header ?? '');
  if (text.length > MAX_LENGTH) return null;
  const bearers = challengesOf(text).filter(({ scheme }) => scheme === 'bearer');
  return (bearers.find(({ parameters }) => parameters.size > 0) ?? bearers[0])?.parameters ?? null;
}

interface AnyChallenge {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

/**
 * RFC 9110 §11.6.1: challenges and their parameters are both separated by commas, so that only what follows a word tells
 * which of the two it is. What cannot be read ends the reading; what came before counts.
 */
function challengesOf(text: string): AnyChallenge[] {
  const challenges: AnyChallenge[] = [];
  let at = 0;
  const skip = (blanks: RegExp): void => {
    blanks.lastIndex = at;
    at += blanks.exec(text)?.[0].length ?? 0;
  };
  const word = (): string | undefined => {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  for (;;) {
    skip(/[ \t,]*/y);
    const name = word();
    if (name === undefined) return challenges;
    const end = at;
    skip(/[ \t]*/y);
    const current = challenges.at(-1);
    if (text[at] === '=' && text[at + 1] !== '=') {
      at++;
      skip(/[ \t]*/y);
      const value = text[at] === '"' ? quoted() : word();
      if (value === undefined || current === undefined) return challenges;
      // The first of two parameters of one name counts, as anywhere in the gateway.
      if (!current.parameters.has(name.toLowerCase())) current.parameters.set(name.toLowerCase(), value);
    } else {
      at = end;
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
      // The token68 of schemes such as Negotiate is nothing to read.
      skip(/ +[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y);
    }
  }

  /** RFC 9110 §5.6.4. Undefined when it has no end. */
  function quoted(): string | undefined {
    let value = '';
    for (at++; at < text.length; at++) {
      const character = text[at]!;
      if (character === '"') {
        at++;
        return value;
      }
      value += character === '\\' ? (text[++at] ?? '') : character;
    }
    return undefined;
  }
}
