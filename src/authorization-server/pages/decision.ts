import { type Html, html } from '../../http/pages/html.ts';
import type { SignedInAsView } from '../../http/pages/signed-in-as.ts';

/** What every page has that asks for a yes or a no. */
export interface DecisionView extends SignedInAsView {
  readonly action: string;
  readonly csrf: string;
}

/** Two buttons of one size. None is chosen by Enter before one of them has the focus, since the forms have no field. */
export function decisionButtons(): Html {
  return html`<div class="actions pair">
<button name="decision" value="deny">Deny</button>
<button class="primary" name="decision" value="allow">Allow</button>
</div>`;
}
