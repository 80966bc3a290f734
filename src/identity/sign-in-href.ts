/** Where people sign in, to go on at `returnTo` afterwards. */
export interface SignInTarget {
  readonly returnTo: string;
  /** Directly at this identity provider. */
  readonly provider?: string | undefined;
  /** Asks also who is signed in already, here or there: to become somebody else, or to prove it once more. */
  readonly again?: boolean | undefined;
}

export function signInHref({ returnTo, provider, again }: SignInTarget): string {
  const query = new URLSearchParams();
  if (returnTo !== '/') query.set('return_to', returnTo);
  if (again === true) query.set('prompt', 'login');
  const path = provider === undefined ? '/sign-in' : `/sign-in/${encodeURIComponent(provider)}`;
  return query.size === 0 ? path : `${path}?${query}`;
}
