import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostilePages, LOOKS, ORDINARY, PAYLOADS } from './browser/sample-pages.ts';

/** Elements that pages are made of; with what attributes, the browser tests check. */
const ELEMENTS = new Set(
  `html head meta title link body header main img span h1 h2 h3 p strong bdi code a ul li form input button label div fieldset
   legend details summary dl dt dd`.split(/\s+/),
);

function tagsOf(markup: string): string[] {
  return [...markup.matchAll(/<\/?([a-z0-9!]+)((?:[^<>"]|"[^"]*")*)>/gi)].map(([tag]) => tag);
}

test('no field of any page adds a tag or an attribute to it', () => {
  const plain = hostilePages('plain');
  for (const payload of [...PAYLOADS, ...Object.values(LOOKS)]) {
    for (const [name, page] of Object.entries(hostilePages(payload))) {
      const tags = tagsOf(String(page())).map((tag) => tag.replaceAll(/="[^"]*"/g, '='));
      const expected = tagsOf(String(plain[name]!())).map((tag) => tag.replaceAll(/="[^"]*"/g, '='));
      assert.deepEqual(tags, expected, `${name}: ${payload}`);
    }
  }
});

test('pages consist of plain elements, without script, style or a handler', () => {
  for (const [name, page] of Object.entries(ORDINARY)) {
    const markup = String(page());
    assert.match(markup, /^<!doctype html>\n<html lang="en">/, name);
    for (const tag of tagsOf(markup.slice('<!doctype html>'.length))) {
      assert.ok(ELEMENTS.has(/[a-z0-9]+/.exec(tag)![0]), `${name}: ${tag}`);
      assert.doesNotMatch(tag, /\s(on[a-z]+|style)=/, name);
    }
  }
});

test('every form is a POST to a path of ours and carries the token against forgery', () => {
  for (const [name, page] of Object.entries(ORDINARY)) {
    for (const [form] of String(page()).matchAll(/<form[\s\S]*?<\/form>/g)) {
      assert.match(form, /^<form method="post" action="\/[a-z]/, name);
      assert.match(form, /<input type="hidden" name="csrf" value="c5rf-t0ken">/, name);
    }
  }
});

test('every field has a label, and a failed attempt says so in the title, in an alert and at the field', () => {
  for (const [name, page] of Object.entries(ORDINARY)) {
    const markup = String(page());
    for (const [input, id] of markup.matchAll(/<input id="([^"]+)"[^>]*>/g)) {
      assert.ok(markup.includes(`<label for="${id}">`), `${name}: ${input}`);
    }
    if (!name.endsWith('-failed')) continue;
    assert.match(markup, /<title>Error: /, name);
    assert.match(markup, /<p class="alert" id="alert" role="alert">/, name);
    assert.match(markup, /aria-describedby="([a-z_]+-hint )?alert" aria-invalid="true"/, name);
  }
});
