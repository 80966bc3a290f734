import type { AdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';

/** An access key as the API shows it. */
export interface KeyView {
  readonly id: string;
  readonly kind: 'personal' | 'service';
  readonly name: string;
  readonly hint: string;
  readonly owner: { readonly kind: string; readonly id: string; readonly name: string };
  readonly status: 'active' | 'expired' | 'revoked';
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly cidrs: readonly string[];
  readonly roles: readonly string[];
  readonly tools: readonly string[];
  readonly successorId: string | null;
}

const HINT_LENGTH = 8;

/**
 * The key that a person means: by id, by its first characters as `key list` shows them, or by a name that only one key
 * has that still works. Throws a CliError that lists the candidates when several fit.
 */
export async function lookupKey(api: AdminClient, text: string): Promise<KeyView> {
  if (/^key_[0-9a-z]{26}$/.test(text)) return api.get<KeyView>(`/access-keys/${text}`);
  const keys = await api.all<KeyView>('/access-keys');
  const byHint = /^tg[ps]_/.test(text)
    ? keys.filter(({ hint }) => hint.startsWith(text.replace('…', '').slice(0, HINT_LENGTH)))
    : [];
  const byName = keys.filter(({ name, status }) => name === text && status === 'active');
  const found = byHint.length > 0 ? byHint : byName;
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new CliError(
      'There is no such key. Name it by id, by its first characters or by its name: `toolgate key list`.',
      {
        data: { code: 'not_found' },
      },
    );
  }
  const candidates = found.map(({ id, hint, owner }) => `\n  ${id}  ${hint}  ${owner.name}`);
  throw new CliError(`${found.length} keys fit. Name one by its id:${candidates.join('')}`);
}
