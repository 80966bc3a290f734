/** What a browser holds: cookies by host and path, as the pages need them. */
interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
}

export interface PageAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
  /** Of a redirect, as it stands in the header. */
  readonly location: string | null;
  /** Where the page leads at once. */
  readonly onwards: string | null;
  /** Of the page's form; empty without one. */
  readonly csrf: string;
  readonly alert: string | null;
}

/** A browser without scripts, at home at the gateway: cookies, forms with their origin, redirects. */
export class Browser {
  readonly origin: string;
  #cookies: readonly Cookie[] = [];

  constructor(origin: string) {
    this.origin = origin;
  }

  /** One request, without going on anywhere. */
  async request(url: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<PageAnswer> {
    const target = new URL(url, this.origin);
    const cookie = this.#cookies
      .filter(({ host, path }) => host === target.host && isBelow(target.pathname, path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const headers = { accept: 'text/html', ...(cookie !== '' && { cookie }), ...init.headers };
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(target.host, line);
    const text = await response.text();
    return {
      status: response.status,
      url: target.href,
      headers: response.headers,
      text,
      location: response.headers.get('location'),
      onwards: unescapeHtml(/http-equiv="refresh" content="0; url=([^"]*)"/.exec(text)?.[1]),
      csrf: unescapeHtml(/name="csrf" value="([^"]*)"/.exec(text)?.[1]) ?? '',
      alert: unescapeHtml(/<p class="alert"[^>]*>([^<]*)</.exec(text)?.[1]),
    };
  }

  get(url: string, headers: Record<string, string> = {}): Promise<PageAnswer> {
    return this.request(url, { headers });
  }

  post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<PageAnswer> {
    const { origin } = new URL(url, this.origin);
    return this.request(url, { method: 'POST', headers: { origin, ...headers }, body: new URLSearchParams(fields) });
  }

  /** Follows redirects, over any number of hosts, to the first answer that is none or lies below `until`. */
  async follow(url: string, until = 'nowhere:'): Promise<PageAnswer> {
    let answer = await this.get(url);
    for (let step = 0; step < 20; step++) {
      if (answer.location === null) return answer;
      const next = new URL(answer.location, answer.url).href;
      if (next.startsWith(until)) return { ...answer, url: next };
      answer = await this.get(next);
    }
    throw new Error(`Redirected without end, at last to ${answer.url}`);
  }

  /** Opens a page as a person does. Ends at a page that waits for them, or with `url` outside of the gateway. */
  async open(url: string): Promise<PageAnswer> {
    return this.#goOn(await this.request(url));
  }

  /** Sends the form of a page, with these fields beside the hidden ones, and goes on as `open` does. */
  async submit(page: PageAnswer, fields: Record<string, string>): Promise<PageAnswer> {
    const action = unescapeHtml(/<form method="post" action="([^"]+)"/.exec(page.text)?.[1]);
    if (action === null) throw new Error(`No form on ${page.url}: ${page.text.slice(0, 500)}`);
    const hidden = page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
    const values = Object.fromEntries(hidden.map(([, name, value]) => [name!, unescapeHtml(value!)!]));
    const to = new URL(action, page.url).href;
    return this.#goOn(await this.post(to, { ...values, ...fields }, { origin: this.origin }));
  }

  async #goOn(first: PageAnswer): Promise<PageAnswer> {
    let answer = first;
    for (let step = 0; step < 12; step++) {
      const isRedirect = answer.status >= 300 && answer.status < 400;
      const next = (isRedirect ? answer.location : null) ?? answer.onwards;
      if (next === null) return answer;
      const url = new URL(next, answer.url);
      if (url.origin !== this.origin) return { ...answer, url: url.href };
      answer = await this.request(url.href);
    }
    throw new Error(`Redirected without end, at last to ${answer.url}`);
  }

  /** Of the gateway. */
  cookie(name: string): string | undefined {
    const { host } = new URL(this.origin);
    return this.#cookies.find((cookie) => cookie.host === host && cookie.name === name)?.value;
  }

  /** Plants a cookie of the gateway. */
  setCookie(name: string, value: string): void {
    this.#keep(new URL(this.origin).host, `${name}=${value}; Path=/`);
  }

  #keep(host: string, line: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) as unknown as [string, string, string];
    const path = /; *path=([^;]*)/i.exec(line)?.[1] ?? '/';
    const isOver = /; *max-age=0(?:;|$)|expires=Thu, 01 Jan 1970/i.test(line);
    const others = this.#cookies.filter((one) => one.host !== host || one.name !== name || one.path !== path);
    this.#cookies = isOver ? others : [...others, { name, value, host, path }];
  }
}

const isBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`);

function unescapeHtml(text: string): string;
function unescapeHtml(text: string | undefined): string | null;
function unescapeHtml(text: string | undefined): string | null {
  return text === undefined
    ? null
    : text
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
}
