/** The forms in which programs write a secret down: as it is, in a URL, in JSON, in Base64. */
export function spellingsOf(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  return [...new Set([secret, encodeURIComponent(secret), json, base64])];
}

/** Shorter ones are not looked for: they would blot out ordinary words. */
export const MIN_SECRET_LENGTH = 4;
