/**
 * What must never reach a terminal or a log viewer raw: control characters (with them every ANSI sequence and line
 * break), the bidirectional controls that make text read as something else (CVE-2021-42574), invisible characters, and
 * the Unicode tag block that hides text in plain sight.
 */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udfff]/g;

const escapeUnits = (match: string): string => {
  let escaped = '';
  for (let i = 0; i < match.length; i++) escaped += `\\u${match.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return escaped;
};

/**
 * Replaces every control, bidirectional or invisible character by its `\uXXXX` escape, so that the text is one line that
 * shows what it is. Use it wherever a recorded value is printed. On JSON text the result is the same JSON value, since
 * such characters can only stand inside strings there.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, escapeUnits);
}

/** The same for text that came out of JSON.stringify: about ten times faster when it is ASCII, as it nearly always is. */
export function escapeUnprintableJson(json: string): string {
  // JSON.stringify has escaped U+0000–U+001F already, which leaves U+007F as the only unprintable ASCII character.
  if (Buffer.byteLength(json) === json.length && !json.includes('\u007f')) return json;
  return escapeUnprintable(json);
}
