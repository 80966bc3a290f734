/** A name is secret when one of these words is in it… */
const ANYWHERE = new Set([
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'pwd',
  'authorization',
  'credential',
  'credentials',
]);
/** …or when it is, or ends in, one of these, with its words run together… */
const ENDINGS =
  /(?:secret|token|jwt|bearer|cookie|(?:api|access|private|secret|auth|signing|encryption|account|session|master)key|sessionid|connectionstring)s?$/;
/** …but not when it is a position in a list or a count of words, which are called tokens too… */
const HARMLESS =
  /(?:page|next|prev|previous|continuation|sync|cursor|progress|max|min|total|num|stop|prompt|completion|input|output)tokens?$/;
/** …or when it is exactly one of these. */
const WHOLE = new Set(['auth', 'otp', 'pin', 'cvv', 'cvc', 'ssn', 'sid', 'pass', 'pat']);

const MAX_NAME = 128;
const MAX_REMEMBERED = 2000;
const remembered = new Map<string, boolean>();

function judge(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  const joined = words.join('');
  if (words.some((word) => ANYWHERE.has(word)) || WHOLE.has(joined)) return true;
  return ENDINGS.test(joined) && !HARMLESS.test(joined);
}

/** Whether what has this name (`password`, `X-Api-Key`, `clientSecret`, `refresh_token`…) is a secret by its name. */
export function isSecretName(name: string): boolean {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  if (name.length > MAX_NAME) return judge(name.slice(-MAX_NAME));
  const secret = judge(name);
  // Names come from callers: forget all rather than grow.
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(name, secret);
  return secret;
}
