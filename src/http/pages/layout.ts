import { ICON_PATH, STYLESHEET_PATH } from './assets.ts';
import { type Html, html } from './html.ts';

export interface LayoutView {
  /** What the page is about; stands in the tab and is the first thing a screen reader says. */
  readonly title: string;
  /** Put before the title, where people who do not see the page hear of it first. */
  readonly failed?: boolean | undefined;
  /** The page, beginning with its only `h1`. */
  readonly body: Html;
  /** The page asks for a decision; who asks stands out more than the question. */
  readonly asks?: boolean | undefined;
  /** Where the browser goes at once, an URL of http(s) or a path. */
  readonly continueTo?: string | undefined;
}

/** The frame around every page. */
export function layout(view: LayoutView): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${view.failed === true && 'Error: '}${view.title} · Toolgate</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
${view.continueTo !== undefined && html`<meta http-equiv="refresh" content="0; url=${view.continueTo}">`}
<link rel="icon" type="image/svg+xml" href="${ICON_PATH}">
<link rel="stylesheet" href="${STYLESHEET_PATH}">
</head>
<body>
<header><img src="${ICON_PATH}" alt="" width="24" height="24"><span>Toolgate</span></header>
<main ${{ class: view.asks === true && 'asks' }}>
${view.body}
</main>
</body>
</html>
`;
}
