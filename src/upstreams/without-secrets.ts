import { spellingsOf } from './secret-spellings.ts';
import type { Credential, ExchangeSink, UpstreamConnection } from './upstream-connection.ts';

/** The parts of an answer that are taken out of it; the longest first: one may be the beginning of another. */
export type Needles = readonly Buffer[];

/** Answers are data, not log lines: what is shorter stands in them by chance. */
const MIN_LENGTH = 8;
const REPLACEMENT = Buffer.from('[redacted]');
const NOTHING: Buffer = Buffer.alloc(0);

export function needlesOf(secrets: readonly string[]): Needles {
  return secrets
    .filter((secret) => secret.length >= MIN_LENGTH)
    .flatMap(spellingsOf)
    .map((spelling) => Buffer.from(spelling))
    .sort((a, b) => b.length - a.length);
}

const known = new WeakMap<Credential, Needles>();

/** Of a header value with a scheme, such as `Bearer …`, what comes after it. */
export function needlesOfCredential(credential: Credential): Needles {
  let needles = known.get(credential);
  if (needles === undefined) {
    needles = needlesOf(credential.headers.map(([, value]) => value.reveal().replace(/^[A-Za-z]{1,20} +/, '')));
    known.set(credential, needles);
  }
  return needles;
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
  needlesFor: (credential: Credential) => Needles,
): UpstreamConnection {
  return {
    ...connection,
    exchange: (request, sink) => connection.exchange(request, cleanSink(sink, needlesFor(request.credential))),
    listen: (sink, credential, lastEventId) =>
      connection.listen(cleanSink(sink, needlesFor(credential)), credential, lastEventId),
  };
}

/** Passes everything on, without the needles, also where one comes in several chunks. */
export function cleanSink(sink: ExchangeSink, needles: Needles): ExchangeSink {
  if (needles.length === 0) return sink;
  let held: Buffer = NOTHING;
  const flush = (): void => {
    if (held.length > 0) sink.data(held);
    held = NOTHING;
  };
  return {
    head: (status, contentType) => sink.head(status, contentType),
    data(chunk) {
      const bytes = without(held.length === 0 ? chunk : Buffer.concat([held, chunk]), needles);
      const keep = beginningAtEnd(bytes, needles);
      held = keep === 0 ? NOTHING : bytes.subarray(bytes.length - keep);
      return keep === bytes.length || sink.data(keep === 0 ? bytes : bytes.subarray(0, bytes.length - keep));
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

function without(bytes: Buffer, needles: Needles): Buffer {
  let clean = bytes;
  for (const needle of needles) {
    let at = clean.indexOf(needle);
    if (at < 0) continue;
    const parts: Buffer[] = [];
    let from = 0;
    for (; at >= 0; at = clean.indexOf(needle, from)) {
      parts.push(clean.subarray(from, at), REPLACEMENT);
      from = at + needle.length;
    }
    clean = Buffer.concat([...parts, clean.subarray(from)]);
  }
  return clean;
}

/** How many bytes at the end may be the beginning of a needle. */
function beginningAtEnd(bytes: Buffer, needles: Needles): number {
  let longest = 0;
  for (const needle of needles) {
    const first = needle[0]!;
    let at = bytes.indexOf(first, Math.max(0, bytes.length - needle.length + 1));
    for (; at >= 0; at = bytes.indexOf(first, at + 1)) {
      const length = bytes.length - at;
      if (needle.compare(bytes, at, bytes.length, 0, length) !== 0) continue;
      longest = Math.max(longest, length);
      break;
    }
  }
  return longest;
}
