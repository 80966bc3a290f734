import { continuePage } from '../../http/pages/continue-page.ts';
import type { Html } from '../../http/pages/html.ts';

export interface GrantedPageView {
  /** Where the flow goes on: a path of this origin. */
  readonly href: string;
  readonly allowed: boolean;
}

/** The answer to the consent form. Why it is a page and not a redirect: see `continuePage`. */
export function grantedPage(view: GrantedPageView): Html {
  return continuePage({
    title: view.allowed ? 'Access allowed' : 'Access denied',
    text: view.allowed
      ? 'You go back to where you came from. You can close this window when that has happened.'
      : 'Nothing was granted. You go back to where you came from.',
    href: view.href,
  });
}
