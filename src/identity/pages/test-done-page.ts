import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';

/** At the end of a login that only tested an identity provider. */
export function testDonePage(): Html {
  return layout({
    title: 'The test is complete',
    body: html`<h1>The test is complete</h1>
<p>The identity provider signed you in, and nothing was changed here: no account was made, and you are not signed in.</p>
<p>Go back to the terminal to see what it told and what the rules make of it. You can close this page.</p>`,
  });
}
