import { type Html, html } from './html.ts';
import { layout } from './layout.ts';

export interface ContinuePageView {
  /** What has just been done, such as "You are signed in". */
  readonly title: string;
  readonly text: string;
  /** Where the browser goes at once: a path of this origin or an http(s) URL. */
  readonly href: string;
}

/**
 * The answer to a form that leads away from this origin. A redirect would be refused there by `form-action` (see
 * `PAGE_HEADERS`), also when a path of our own redirects on, so the browser starts anew from this page.
 */
export function continuePage(view: ContinuePageView): Html {
  return layout({
    title: view.title,
    continueTo: view.href,
    body: html`<h1>${view.title}</h1>
<p>${view.text}</p>
<p><a class="button primary" href="${view.href}">Continue</a></p>
<p class="hint">This happens by itself. Use the button if it does not.</p>`,
  });
}
