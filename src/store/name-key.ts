/**
 * The form of a login or group name in which two names count as the same: compatibility-normalised, lower case. Look-alike
 * letters of different scripts stay different.
 */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}
