/**
 * The one stylesheet of all pages. System fonts and two sets of colours, so that nothing is loaded and nothing flickers.
 * Text has at least 4.5:1 against its ground, borders of fields and buttons at least 3:1 (WCAG 2.2, 1.4.3 and 1.4.11).
 */
export const STYLESHEET = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f6; --card: #fff; --ink: #17211f; --quiet: #55625f; --line: #dde3e2; --edge: #7d8986;
  --accent: #0b5c6b; --accent-ink: #fff; --accent-deep: #08434e; --field: #fff;
  --warn: #fff6df; --warn-line: #c98a0a; --bad: #fdeeec; --bad-line: #b3261e; --bad-ink: #8c1d18;
  --good: #e3f3ea; --good-ink: #14532d; --warn-ink: #6b4500;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1413; --card: #181f1e; --ink: #e7eceb; --quiet: #a3b0ad; --line: #2b3533; --edge: #74827f;
    --accent: #6cc7d6; --accent-ink: #06272d; --accent-deep: #9adbe6; --field: #101615;
    --warn: #2b2410; --warn-line: #d9a32e; --bad: #341a18; --bad-line: #e5786f; --bad-ink: #f5b5af;
    --good: #12301f; --good-ink: #9fe0b9; --warn-ink: #f2cd7e;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; padding: clamp(1rem, 6vh, 4rem) 1rem 3rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main { max-width: 29rem; margin-inline: auto; }
header { display: flex; align-items: center; gap: .5rem; padding: 0 .25rem .875rem; font-weight: 600; }
header img { display: block; }
main {
  padding: clamp(1.25rem, 5vw, 2rem); background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  overflow-wrap: anywhere;
}
main > :first-child { margin-top: 0; }
main > :last-child { margin-bottom: 0; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1rem; line-height: 1.4; }
h3 { margin: 1rem 0 .375rem; font-size: .875rem; font-weight: 600; color: var(--quiet); }
p { margin: 0 0 1rem; }
a { color: var(--accent); text-underline-offset: .2em; }
a:hover { color: var(--accent-deep); }
code { font: .9375em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
ul { margin: 0 0 1rem; padding: 0; list-style: none; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }

.hint, .quiet { color: var(--quiet); font-size: .875rem; }
.alert {
  padding: .75rem 1rem; background: var(--bad); color: var(--bad-ink); border: 1px solid var(--bad-line);
  border-radius: .5rem;
}
.warning {
  margin: 0 0 1rem; padding: .75rem 1rem; background: var(--warn); border: 1px solid var(--warn-line);
  border-radius: .5rem;
}
.warning p { margin: 0; }

form { margin: 0 0 1rem; }
.field { margin: 0 0 1rem; }
.field .hint { margin: 0 0 .375rem; }
label { display: block; margin: 0 0 .25rem; font-weight: 600; font-size: .9375rem; }
input:not([hidden]) {
  display: block; width: 100%; min-height: 2.875rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--edge); border-radius: .5rem;
}
input[type="hidden"] { display: none; }
input:focus-visible { outline-offset: 0; border-color: var(--accent); border-radius: .5rem; }
input[aria-invalid="true"] { border-color: var(--bad-line); }
input.code { font: 1.25rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: .15em; }
fieldset { min-width: 0; margin: 1.5rem 0 1rem; padding: 1rem 1rem 0; border: 1px solid var(--line); border-radius: .5rem; }
legend { padding: 0 .375rem; font-weight: 600; }
.qr { display: block; width: 12rem; max-width: 100%; height: auto; margin: 0 auto; padding: .75rem; background: #fff; border-radius: .5rem; }
.key { letter-spacing: .05em; }
.app-link { display: inline-block; padding-block: .125rem; font-size: .875rem; }

.actions { display: grid; gap: .75rem; margin: 1.5rem 0 0; }
.pair { grid-template-columns: 1fr 1fr; }
button, .button {
  display: flex; align-items: center; justify-content: center; width: 100%; min-height: 2.875rem; padding: .625rem 1rem;
  font: inherit; font-weight: 600; line-height: 1.4; text-align: center; text-decoration: none; color: var(--ink); background: var(--card); border: 1px solid var(--edge);
  border-radius: .5rem; cursor: pointer;
}
button:hover, .button:hover { color: var(--ink); border-color: var(--accent); background: var(--ground); }
button:focus-visible, .button:focus-visible { border-radius: .5rem; }
.primary { color: var(--accent-ink); background: var(--accent); border-color: var(--accent); }
.primary:hover { color: var(--accent-ink); background: var(--accent-deep); border-color: var(--accent-deep); }

.providers { display: grid; gap: .75rem; }
.or { display: flex; align-items: center; gap: .75rem; margin: 1.25rem 0; color: var(--quiet); font-size: .875rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }

.client { margin: 0 0 1rem; padding: .875rem 1rem; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem; }
.client p { margin: 0; color: var(--quiet); }
.client .who { color: var(--ink); font-size: 1.625rem; font-weight: 700; line-height: 1.25; letter-spacing: -.015em; }
main.asks h1 { margin-bottom: .75rem; font-size: 1.125rem; letter-spacing: 0; }
.client p, .scopes li { overflow: hidden; }
.scopes li { position: relative; padding: .25rem 0 .25rem 1.5rem; }
.scopes li::before {
  content: ""; position: absolute; inset-inline-start: .25rem; top: .625rem; width: .375rem; height: .625rem;
  border: solid var(--accent); border-width: 0 2px 2px 0; transform: rotate(45deg);
}
.scopes .hint { display: block; }
.upstreams { display: flex; flex-wrap: wrap; gap: .375rem; }
.upstreams li { max-width: 100%; padding: .125rem .625rem; border: 1px solid var(--line); border-radius: 1rem; font-size: .875rem; }
.upstreams code { color: var(--quiet); font-size: .8125rem; }
.account {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: .125rem 1rem; margin: 1.25rem 0 0; padding-top: 1rem;
  border-top: 1px solid var(--line); font-size: .875rem;
}
.account > * { min-width: 0; padding-block: .125rem; }
.usercode { text-align: center; }
.usercode code { display: block; font-size: 1.75rem; font-weight: 700; letter-spacing: .1em; }
.services { margin: 1rem 0; }
.services > li { padding: 1rem 0 .25rem; border-top: 1px solid var(--line); }
.services p { margin-bottom: .5rem; }
.services .about { margin-bottom: .5rem; }
.services .about form { margin: .75rem 0 .5rem; }
.services .button, .services button { display: inline-flex; width: auto; min-height: 2.5rem; padding: .375rem 1rem; }
.service { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .125rem .75rem; margin: 0 0 .25rem; }
.service h2, .service h3 { min-width: 0; margin: 0; font-size: 1.0625rem; color: var(--ink); }
.state { padding: .0625rem .625rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--quiet); font-size: .8125rem; font-weight: 600; }
.state.good { background: var(--good); color: var(--good-ink); border-color: transparent; }
.state.warn { background: var(--warn); color: var(--warn-ink); border-color: transparent; }
.state.bad { background: var(--bad); color: var(--bad-ink); border-color: transparent; }
details { margin: 0 0 1rem; }
summary { padding: .25rem 0; color: var(--accent); font-size: .875rem; cursor: pointer; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; margin: 1rem 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; }
.about .facts, .facts.quiet { font-size: .8125rem; }
.facts .hint { font-size: inherit; }
.facts ul { margin: 0; }
.facts li + li { margin-top: .25rem; }
.actions + .hint { margin-top: 1rem; }
@media (max-width: 26rem) {
  .about .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .about .facts dd { margin-bottom: .5rem; }
}
@media (forced-colors: active) {
  .primary { border-width: 2px; }
  .scopes li::before { border-color: CanvasText; }
}
@media print { .actions, details { display: none; } }
`.trimStart();
