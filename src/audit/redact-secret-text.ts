/**
 * Finds secrets in text by their form. Every pattern is linear on hostile input: it starts at a literal, or at the start
 * of a run of characters, ends in something that cannot fail, or stops at a character that its runs cannot contain, so
 * that no two attempts read the same text more than a few times.
 */
interface Pattern {
  /** The text must contain one of these for the pattern to be worth trying. */
  readonly needs: readonly string[];
  readonly pattern: RegExp;
  readonly replace: string | ((match: string) => string);
}

const JWT_START = 'eyJ';

const PATTERNS: readonly Pattern[] = [
  { needs: ['tgp_', 'tgs_'], pattern: /tg[ps]_[A-Za-z0-9]{10,}/g, replace: '[redacted:toolgate-key]' },
  {
    needs: ['-----BEGIN'],
    // To the end when the closing line is missing: a key that was cut is a key.
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/gs,
    replace: '[redacted:private-key]',
  },
  {
    needs: ['AKIA', 'ASIA', 'ABIA', 'ACCA'],
    pattern: /(?<![A-Z0-9])A(?:KI|SI|BI|CC)A[A-Z0-9]{16}(?![A-Z0-9])/g,
    replace: '[redacted:aws-key]',
  },
  {
    needs: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    pattern: /gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}/g,
    replace: '[redacted:github-token]',
  },
  { needs: ['glpat-'], pattern: /glpat-[A-Za-z0-9_-]{16,}/g, replace: '[redacted:gitlab-token]' },
  {
    needs: ['xox', 'xapp-'],
    pattern: /xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}/g,
    replace: '[redacted:slack-token]',
  },
  { needs: ['AIza'], pattern: /AIza[A-Za-z0-9_-]{30,}/g, replace: '[redacted:google-key]' },
  {
    needs: ['sk-', 'sk_', 'pk_', 'rk_'],
    pattern: /(?<![A-Za-z0-9])(?:sk-|[spr]k_)[A-Za-z0-9_-]{16,}/g,
    replace: '[redacted:api-key]',
  },
  {
    needs: ['npm_', 'hf_'],
    pattern: /(?:npm|hf)_[A-Za-z0-9]{30,}/g,
    replace: '[redacted:registry-token]',
  },
  {
    needs: [JWT_START],
    // Runs joined by dots; a JSON Web Token is where one begins with `{"` in base64url. The signature may be cut off.
    pattern: /(?<![\w-])[\w-]{11,}\.[\w-]{4,}(?:\.[\w-]*)*/g,
    replace: (match) => {
      const at = match.indexOf(JWT_START);
      return at < 0 ? match : `${match.slice(0, at)}[redacted:jwt]`;
    },
  },
  {
    needs: ['earer', 'EARER'],
    pattern: /(?<!\w)(bearer\s{1,4})[\w.~+/=-]{12,}/gi,
    replace: '$1[redacted]',
  },
  { needs: ['://'], pattern: /(:\/\/)[^\s/?#'"<>]+@/g, replace: '$1[redacted]@' },
  {
    needs: [':', '='],
    // `password=…`, `"token": "…"`, `?api_key=…`, `X-Api-Key: …`
    pattern:
      /((?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|authorization|(?:api|access|private|secret|auth)[-_ ]?key)\\?["']?\s{0,4}[:=]\s{0,4}(?:(?:basic|token)\s{1,4})?\\?["']?)[^\s"'\\&,;[\]{}]{3,}/gi,
    replace: '$1[redacted]',
  },
];

/** One of these stands in every text that one of the patterns matches; most texts have none. */
const SUSPICIOUS = /[_=:]|-[-A-Za-z0-9]|eyJ|A[KSBC][IC]A|AIza|earer|EARER/;
/** The shortest text that anything matches. */
const MIN_LENGTH = 7;

/**
 * The text with everything that looks like a secret replaced by `[redacted:…]`: our own access keys, keys and tokens of
 * AWS, GitHub, GitLab, Slack, Google, OpenAI/Anthropic/Stripe and package registries, JSON Web Tokens, PEM private keys,
 * bearer credentials, user information in URLs, and values assigned to secret-looking names.
 *
 * It knows forms, not meanings: a password alone in a text looks like any other word.
 */
export function redactSecretText(text: string): string {
  if (text.length < MIN_LENGTH || !SUSPICIOUS.test(text)) return text;
  let redacted = text;
  for (const { needs, pattern, replace } of PATTERNS) {
    if (!needs.some((literal) => text.includes(literal))) continue;
    redacted = typeof replace === 'string' ? redacted.replace(pattern, replace) : redacted.replace(pattern, replace);
  }
  return redacted;
}
