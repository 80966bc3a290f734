/**
 * Every page as people meet it who do not see it, do not use a mouse, or have a small or dark screen. The rules are those of
 * WCAG 2.2 AA that a program can check.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { Html } from '../../src/http/pages/html.ts';
import { openBrowser } from './open-browser.ts';
import { type PageServer, servePages } from './page-server.ts';
import { hostilePages, LOOKS, ORDINARY } from './sample-pages.ts';

/** A page that goes on by itself would not hold still. */
const LEAVES = new Set(['continue', 'granted', 'denied']);
const names = Object.keys(ORDINARY).filter((name) => !LEAVES.has(name));
const hostile: Record<string, () => Html> = {};
for (const [look, text] of Object.entries(LOOKS)) {
  for (const [name, page] of Object.entries(hostilePages(text))) {
    if (!LEAVES.has(name)) hostile[`${look}-${name}`] = page;
  }
}

let browser: Browser;
let server: PageServer;
before(async () => {
  browser = await openBrowser();
  server = await servePages({ ...ORDINARY, ...hostile });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await browser.close();
});

interface Screen {
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** Visits pages one after another with the same browser window. */
async function visit(paths: readonly string[], screen: Screen, look: (page: Page, name: string) => Promise<void>) {
  const { width = 1280, colorScheme = 'light' } = screen;
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  try {
    const page = await context.newPage();
    for (const name of paths) {
      await page.goto(`${server.origin}/${name}`);
      await look(page, name);
    }
  } finally {
    await context.close();
  }
}

/** Runs in the page; gives what is wrong with its structure. */
const STRUCTURE = `(() => {
  const wrong = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const check = (holds, what) => { if (!holds) wrong.push(what); };
  check(document.documentElement.lang === 'en', 'lang');
  check(all('main').length === 1 && all('body > header').length === 1, 'landmarks');
  check(all('h1').length === 1 && document.querySelector('main').firstElementChild.tagName === 'H1', 'h1 first, once');
  const levels = all('h1, h2, h3, h4').map((heading) => Number(heading.tagName[1]));
  check(levels.every((level, i) => i === 0 || level <= levels[i - 1] + 1), 'headings skip a level: ' + levels);
  const ids = all('[id]').map((element) => element.id);
  check(new Set(ids).size === ids.length, 'ids twice');
  for (const input of all('input:not([type=hidden]):not([hidden])')) {
    check(input.labels.length === 1 && input.labels[0].textContent.trim() !== '', 'label of ' + input.name);
    check(input.autocomplete !== '', 'autocomplete of ' + input.name);
    for (const id of (input.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean)) {
      check(document.getElementById(id) !== null, 'described by nothing: ' + id);
    }
    if (input.getAttribute('aria-invalid') === 'true') {
      const alert = document.getElementById('alert');
      check(alert?.getAttribute('role') === 'alert', 'the error is announced');
      check((input.getAttribute('aria-describedby') ?? '').includes('alert'), 'the error is tied to ' + input.name);
    }
  }
  check(all('img:not([alt])').length === 0, 'alt');
  check(all('button, a, summary, legend').every((element) => element.textContent.trim() !== ''), 'a name for everything');
  check(all('[tabindex], [accesskey]').length === 0, 'the order of the page is the order of focus');
  check(all('form').every((form) => form.method === 'post' && form.elements.csrf?.value), 'csrf');
  check(all('[style], style, script').length === 0, 'inline style or script');
  check(document.querySelector('meta[name=viewport]').content.match(/maximum|user-scalable/) === null, 'zoom');
  check(all('[role=alert]').length === 0 || document.title.startsWith('Error: '), 'the title says that it failed');
  return wrong;
})()`;

test('every page has a language, landmarks, one h1 before all, labels, and errors that are announced', async () => {
  await visit(names, {}, async (page, name) => {
    assert.deepEqual(await page.evaluate(STRUCTURE), [], name);
  });
});

/** Gives texts with less than 4.5:1, and edges of fields and buttons with less than 3:1 (WCAG 1.4.3, 1.4.11). */
const CONTRAST = `(() => {
  const channels = (color) => color.match(/[0-9.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const weak = [];
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element);
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    const text = ratio(style.color, ground(element));
    if (own && text < 4.5) weak.push(element.tagName + ' ' + element.className + ' text ' + text.toFixed(2));
    if (!element.matches('input:not([type=hidden]):not([hidden]), button, .button')) continue;
    const edge = Math.max(ratio(style.borderTopColor, ground(element.parentElement)), ratio(ground(element), ground(element.parentElement)));
    if (edge < 3) weak.push(element.tagName + ' ' + element.className + ' edge ' + edge.toFixed(2));
  }
  return weak;
})()`;

for (const colorScheme of ['light', 'dark'] as const) {
  test(`text and controls stand out enough in ${colorScheme} colours`, async () => {
    await visit(names, { colorScheme }, async (page, name) => {
      assert.deepEqual(await page.evaluate(CONTRAST), [], name);
      const dark = await page.evaluate('getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 128');
      assert.equal(dark, colorScheme === 'dark');
    });
  });
}

const FOCUSED = `(() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    what: element.tagName + ':' + (element.name ?? '') + ':' + element.textContent.trim(),
    ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    tall: box.height >= 24,
  };
})()`;
interface Focused {
  readonly what: string;
  readonly ring: boolean;
  readonly tall: boolean;
}

test('everything that can be used is reached by Tab in the order of the page, visibly, and is large enough to hit', async () => {
  await visit(names, { width: 390 }, async (page, name) => {
    const controls = 'a, button, summary, input:not([type=hidden]):not([hidden])';
    const expected = await page.evaluate(
      `document.activeElement.blur(), [...document.querySelectorAll('${controls}')].filter((element) => element.checkVisibility())
        .map((element) => element.tagName + ':' + (element.name ?? '') + ':' + element.textContent.trim())`,
    );
    const reached: string[] = [];
    await page.evaluate("document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()");
    for (let i = 0; i < (expected as string[]).length; i++) {
      await page.keyboard.press('Tab');
      const focused = (await page.evaluate(FOCUSED)) as Focused;
      reached.push(focused.what);
      assert.ok(focused.ring, `${name}: no ring around ${focused.what}`);
      assert.ok(focused.tall, `${name}: too small: ${focused.what}`);
    }
    assert.deepEqual(reached, expected, name);
  });
});

test('Deny and Allow are of one size, side by side, and neither is chosen beforehand', async () => {
  for (const width of [320, 390, 1280]) {
    await visit(['consent', 'consent-registered', 'device-confirm'], { width }, async (page) => {
      const [deny, allow] = await Promise.all(
        ['Deny', 'Allow'].map((name) => page.getByRole('button', { name, exact: true }).boundingBox()),
      );
      assert.deepEqual([deny!.width, deny!.height, deny!.y], [allow!.width, allow!.height, allow!.y]);
      assert.equal(await page.evaluate('document.activeElement === document.body'), true);
    });
  }
});

test('what was checked about a client is the largest text on the consent page, above the name that it chose', async () => {
  await visit(['consent', 'consent-web'], {}, async (page) => {
    const largest = (selector: string) =>
      page.evaluate(
        `Math.max(...[...document.querySelectorAll('${selector}')].map((element) => parseFloat(getComputedStyle(element).fontSize)))`,
      ) as Promise<number>;
    const host = page.locator('.who');
    assert.equal(await host.innerText(), 'claude.ai');
    assert.ok((await largest('.who')) > (await largest('body *:not(.who, .who *)')));
    const name = await page.getByText(/calls its program “/).boundingBox();
    assert.ok((await host.boundingBox())!.y < name!.y);
  });
});

/** The page does not scroll sideways, and nothing covers the buttons (WCAG 1.4.10). */
const FITS = `(() => {
  const root = document.documentElement;
  for (const details of document.querySelectorAll('details')) details.open = true;
  const wrong = root.scrollWidth > root.clientWidth ? ['scrolls sideways by ' + (root.scrollWidth - root.clientWidth)] : [];
  for (const button of document.querySelectorAll('button')) {
    button.scrollIntoView({ block: 'center' });
    const { x, y, width, height } = button.getBoundingClientRect();
    if (document.elementFromPoint(x + width / 2, y + height / 2) !== button) wrong.push('covered: ' + button.textContent);
  }
  return wrong;
})()`;

for (const width of [320, 1280]) {
  test(`pages fit ${width} px, whatever names and scopes they show`, async () => {
    await visit([...names, ...Object.keys(hostile)], { width }, async (page, name) => {
      assert.deepEqual(await page.evaluate(FITS), [], name);
    });
  });
}

test('with text of twice the size nothing scrolls sideways or is cut off', async () => {
  await visit(names, { width: 640 }, async (page, name) => {
    // A browser's own setting for text, which pages in rem follow.
    await page.evaluate("document.documentElement.style.fontSize = '200%'");
    assert.deepEqual(await page.evaluate(FITS), [], name);
  });
});

test('names in other directions of writing do not reorder the sentence around them', async () => {
  await visit(['rtl-consent', 'override-consent'], {}, async (page, name) => {
    const sentence = await page.locator('main > p').first().innerText();
    assert.match(sentence, /^It wants to use .* as you\./su, name);
    assert.doesNotMatch(await page.locator('body').innerText(), /[\u202a-\u202e\u2066-\u2069]/u);
    assert.equal(await page.evaluate("document.querySelectorAll('bdi').length > 3"), true);
  });
});
