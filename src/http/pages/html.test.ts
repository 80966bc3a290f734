import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { html } from './html.ts';

const HOSTILE = `<script>&"'</script>`;
const ESCAPED = '&lt;script&gt;&amp;&quot;&#39;&lt;/script&gt;';

test('text and attributes are escaped', () => {
  assert.equal(String(html`<p title="${HOSTILE}">${HOSTILE}</p>`), `<p title="${ESCAPED}">${ESCAPED}</p>`);
  assert.equal(String(html`<p ${{ title: HOSTILE }}>x</p>`), `<p title="${ESCAPED}">x</p>`);
});

test('markup, and only markup, stays as it is', () => {
  const inner = html`<b>${'<i>'}</b>`;
  assert.equal(String(html`<p>${inner}${[inner, '<']}</p>`), '<p><b>&lt;i&gt;</b><b>&lt;i&gt;</b>&lt;</p>');
  const forged = { toString: () => '<script>' };
  assert.throws(() => html`<p>${forged as never}</p>`, TypeError);
  assert.throws(() => html`<p title="${inner as never}">x</p>`, TypeError);
});

test('nothing is shown for null, undefined and false, and zero is shown', () => {
  assert.equal(String(html`<p>${null}${undefined}${false}${0}</p>`), '<p>0</p>');
  const attributes = { id: null, class: undefined, hidden: false, required: true, width: 0 };
  assert.equal(String(html`<input ${attributes}>`), '<input required width="0">');
});

test('characters that deceive the eye are shown as such; those that languages need stay', () => {
  assert.equal(String(html`${'a\u202eb\u2066c\u200bd\u0000e\u{e0041}'}`), 'a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
  assert.equal(String(html`${'می\u200cخواهم 👩\u200d💻 é\tline\n'}`), 'می\u200cخواهم 👩\u200d💻 é\tline\n');
  assert.equal(String(html`${`e${'\u0301'.repeat(50)}!`}`), `e${'\u0301'.repeat(4)}!`);
  assert.equal(String(html`${'\ud800x'}`), '\ufffdx');
});

const URLS: readonly [url: string, allowed: boolean][] = [
  ['/sign-in?a=b', true],
  ['https://example.com/', true],
  ['http://localhost:3000/callback', true],
  ['data:image/svg+xml;base64,AA==', true],
  ['otpauth://totp/x?secret=y', true],
  ['javascript:alert(1)', false],
  [' javascript:alert(1)', false],
  ['java\nscript:alert(1)', false],
  ['//evil.example', false],
  ['/\\evil.example', false],
  ['/\t/evil.example', false],
  ['/a\n', false],
  ['data:text/html,x', false],
  ['cursor://x', false],
  ['vbscript:x', false],
  ['', false],
];
for (const [url, allowed] of URLS) {
  test(`${JSON.stringify(url)} may ${allowed ? '' : 'not '}be linked to`, () => {
    const uses = [
      () => html`<a href="${url}">x</a>`,
      () => html`<a ${{ href: url }}>x</a>`,
      () => html`<form action="${url}"></form>`,
      () => html`<img src="${url}">`,
      () => html`<meta http-equiv="refresh" content="0; url=${url}">`,
    ];
    for (const use of uses) {
      if (allowed) use();
      else assert.throws(use, /No URL for a page/);
    }
  });
}

test('a template with a value in a place that escaping does not cover throws', () => {
  const x = 'x';
  const templates = [
    () => html`<p title=${x}>x</p>`,
    () => html`<p title='${x}'>x</p>`,
    () => html`<${x}>`,
    () => html`<p ${x}>x</p>`,
    () => html`<p data-${x}="y">x</p>`,
    () => html`<p onclick="${x}">x</p>`,
    () => html`<p style="${x}">x</p>`,
    () => html`<iframe srcdoc="${x}"></iframe>`,
    () => html`<script>${x}</script>`,
    () => html`<style>${x}</style>`,
    () => html`<!-- ${x} -->`,
    () => html` title="${x}"`,
    () => html`<p ${{ onclick: x }}>x</p>`,
    () => html`<p ${{ style: x }}>x</p>`,
    () => html`<p ${{ 'a b': x }}>x</p>`,
    () => html`<p>${{ title: x } as never}</p>`,
  ];
  for (const template of templates) assert.throws(template, TypeError, String(template));
});

test('no text, whatever it is, opens a tag or leaves its quotes', () => {
  const special = fc.constantFrom('<', '>', '"', "'", '&', '/', '=', '`', ' ', '\0', '\u2028', '\u202e', '\ud800');
  const any = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 });
  fc.assert(
    fc.property(fc.string({ unit: fc.oneof(special, any) }), (text) => {
      const markup = String(html`<p title="${text}" ${{ lang: text }}>${text}</p>`);
      assert.match(markup, /^<p title="[^"<>]*" lang="[^"<>]*">[^"'<>]*<\/p>$/);
    }),
  );
});
