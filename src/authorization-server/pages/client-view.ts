import { type Html, html } from '../../http/pages/html.ts';
import { shorten } from '../../http/pages/shorten.ts';

/** What is known about the program that asks. */
export interface ClientView {
  readonly id: string;
  /** Chosen by the client itself, unless an operator configured it. */
  readonly name: string;
  /** The host whose metadata document describes the client: the one thing about it that was checked. */
  readonly verifiedHost: string | null;
  /** `client_uri`, shown as text only. */
  readonly uri?: string | undefined;
  /** `metadata-document`: a URL that we fetched; `registered`: it registered itself; `configured`: by an operator. */
  readonly source: 'metadata-document' | 'registered' | 'configured';
}

/**
 * Who asks. What was checked stands first and large; a name that anybody could have chosen stands below it, in quotes.
 * A client's logo is never shown: a picture convinces more than a name, and proves as little.
 */
export function clientSummary(client: ClientView): Html {
  const name = html`<bdi>${shorten(client.name, 80)}</bdi>`;
  if (client.verifiedHost !== null) {
    return html`<div class="client">
<p class="who"><bdi>${shorten(client.verifiedHost, 80, 'beginning')}</bdi></p>
<p>calls its program “${name}”</p>
</div>`;
  }
  if (client.source === 'configured') {
    return html`<div class="client">
<p class="who">${name}</p>
<p>set up by an operator of this gateway</p>
</div>`;
  }
  return html`<div class="client">
<p class="who">An unverified program</p>
<p>calls itself “${name}”. Anybody can choose that name.</p>
</div>`;
}

/** How the client is spoken of in a sentence; never by a name alone that it chose itself. */
export function clientPhrase(client: ClientView): Html {
  if (client.verifiedHost !== null) return html`<bdi>${shorten(client.verifiedHost, 80, 'beginning')}</bdi>`;
  if (client.source === 'configured') return html`<bdi>${shorten(client.name, 80)}</bdi>`;
  return html`the program that calls itself “<bdi>${shorten(client.name, 80)}</bdi>”`;
}
