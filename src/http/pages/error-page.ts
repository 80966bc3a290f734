import { type Html, html } from './html.ts';
import { layout } from './layout.ts';

export interface ErrorPageView {
  /** What went wrong, in a few plain words. */
  readonly title: string;
  /** The same in a sentence or two; never what an attacker could use. */
  readonly detail: string;
  /** What the person in front of the page can do now. */
  readonly whatToDo: string;
  /** Of the error catalogue, or an OAuth error code. */
  readonly code: string;
  readonly requestId: string;
  /** Where to start again, if that is known. */
  readonly again?: { readonly href: string; readonly text: string } | undefined;
}

/** Anything that failed with a person watching. */
export function errorPage(view: ErrorPageView): Html {
  return layout({
    title: view.title,
    failed: true,
    body: html`<h1>${view.title}</h1>
<div role="alert">
<p>${view.detail}</p>
</div>
<h2>What you can do</h2>
<p>${view.whatToDo}</p>
${view.again !== undefined && html`<p><a class="button primary" href="${view.again.href}">${view.again.text}</a></p>`}
<dl class="facts quiet">
<dt>Error</dt><dd><code>${view.code}</code></dd>
<dt>Request</dt><dd><code>${view.requestId}</code></dd>
</dl>
<p class="hint">If you ask for help, send these two along.</p>`,
  });
}
