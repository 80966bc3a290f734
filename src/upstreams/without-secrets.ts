import { type Match, type SecretFinder, SecretSearch } from './secret-search.ts';
import { spellingsOf } from './secret-spellings.ts';
import type { Credential, ExchangeSink, UpstreamConnection } from './upstream-connection.ts';

/** Answers are data, not log lines: what is shorter stands in them by chance. */
const MIN_LENGTH = 8;
const REPLACEMENT = Buffer.from('[redacted]');
const NOTHING: Buffer = Buffer.alloc(0);

/** Finds these secrets, however they are written; null when there are none to look for. */
export function searchFor(secrets: readonly string[]): SecretSearch | null {
  const texts = secrets
    .filter((secret) => secret.length >= MIN_LENGTH)
    .flatMap(spellingsOf)
    .map((spelling) => Buffer.from(spelling));
  return texts.length === 0 ? null : new SecretSearch(texts);
}

const known = new WeakMap<Credential, SecretSearch | null>();

export function searchForCredential(credential: Credential): SecretFinder | null {
  if (credential.trail !== undefined) return credential.trail;
  let search = known.get(credential);
  if (search === undefined) {
    search = searchFor(secretsOf(credential));
    known.set(credential, search);
  }
  return search;
}

/** Of a header value with a scheme, such as `Bearer …`, what comes after it. */
const secretsOf = ({ headers }: Credential): string[] =>
  headers.map(([, value]) => value.reveal().replace(/^[A-Za-z]{1,20} +/, ''));

/**
 * Finds a token and the one before it. A stream that was opened with the one goes on after a refresh, and an upstream may
 * repeat either: so the search changes under whoever is at work with it.
 */
export class SecretTrail implements SecretFinder {
  #tokens: readonly string[] = [];
  #before: readonly string[] = [];
  /** Made when something is searched: a token may be refreshed many times before it is used. */
  #search: SecretSearch | null | undefined = null;

  /** Before the first use of the next generation. */
  add(credential: Credential): void {
    const tokens = secretsOf(credential);
    if (tokens.join('\n') === this.#tokens.join('\n')) return;
    this.#before = this.#tokens;
    this.#tokens = tokens;
    this.#search = undefined;
  }

  find(bytes: Buffer, from: number): Match | undefined {
    return this.#now()?.find(bytes, from);
  }

  openEnd(bytes: Buffer, from: number): number {
    return this.#now()?.openEnd(bytes, from) ?? bytes.length;
  }

  #now(): SecretSearch | null {
    if (this.#search === undefined) this.#search = searchFor([...this.#tokens, ...this.#before]);
    return this.#search;
  }
}

/**
 * A connection whose answers do not hold what its upstream was given to authenticate with. A caller is not to know that
 * credential, and an upstream may repeat it: in the text of an error, in a log message, in a tool that shows its
 * environment. What goes to the audit log is clean by the same means.
 *
 * It finds a secret of 8 characters or more where it stands as it was sent, in a URL, in JSON or in Base64. An upstream that
 * wants to give it away can still do so in any other form: it has it.
 */
export function withoutSecrets(
  connection: UpstreamConnection,
  searchOf: (credential: Credential) => SecretFinder | null,
): UpstreamConnection {
  return {
    ...connection,
    exchange: (request, sink) => connection.exchange(request, cleanSink(sink, searchOf(request.credential))),
    listen: (sink, credential, lastEventId) =>
      connection.listen(cleanSink(sink, searchOf(credential)), credential, lastEventId),
  };
}

/** Passes everything on, without what the search finds, also where it comes in several chunks. */
export function cleanSink(sink: ExchangeSink, search: SecretFinder | null): ExchangeSink {
  if (search === null) return sink;
  /** The end of what has come, while it may be the beginning of a secret. */
  let held: Buffer = NOTHING;
  const flush = (): void => {
    const [clean] = without(held, search, held.length);
    if (clean.length > 0) sink.data(clean);
    held = NOTHING;
  };
  return {
    head(status, contentType) {
      sink.head(status, contentType);
    },
    data(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      let clean: Buffer;
      [clean, held] = without(bytes, search);
      return clean.length === 0 || sink.data(clean);
    },
    end() {
      flush();
      sink.end();
    },
    fail(error) {
      flush();
      sink.fail(error);
    },
  };
}

/** The bytes up to where a secret may have begun that is not over yet, cleaned, and the rest. */
function without(bytes: Buffer, search: SecretFinder, until?: number): readonly [clean: Buffer, rest: Buffer] {
  const parts: Buffer[] = [];
  let from = 0;
  let end = until ?? search.openEnd(bytes, 0);
  for (let match = search.find(bytes, 0); match !== undefined && match.start < end; match = search.find(bytes, from)) {
    parts.push(bytes.subarray(from, match.start), REPLACEMENT);
    from = match.end;
    end = until ?? search.openEnd(bytes, from);
  }
  const last = bytes.subarray(from, end);
  // What holds no secret is not copied.
  return [from === 0 ? last : Buffer.concat([...parts, last]), bytes.subarray(end)];
}
