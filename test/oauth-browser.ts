/** What a browser holds: cookies by path, as the pages need them. */
interface Cookie {
  readonly value: string;
  readonly path: string;
}

export interface PageAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
}

/** A browser without scripts: follows redirects and `meta refresh` on the gateway, and stops where it would leave it. */
export class Browser {
  readonly origin: string;
  readonly #cookies = new Map<string, Cookie>();

  constructor(origin: string) {
    this.origin = origin;
  }

  async request(url: string, init: RequestInit = {}): Promise<PageAnswer> {
    const target = new URL(url, this.origin);
    const cookie = [...this.#cookies]
      .filter(([, { path }]) => target.pathname === path || target.pathname.startsWith(path === '/' ? '/' : `${path}/`))
      .map(([key, { value }]) => `${key.split(' ')[0]}=${value}`)
      .join('; ');
    const headers = { accept: 'text/html', ...(cookie !== '' && { cookie }), ...init.headers };
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return { status: response.status, url: target.href, headers: response.headers, text: await response.text() };
  }

  #keep(line: string): void {
    const [pair, ...attributes] = line.split('; ');
    const at = pair!.indexOf('=');
    const name = pair!.slice(0, at);
    const path = /path=([^;]*)/i.exec(line)?.[1] ?? '/';
    const over = attributes.some((text) => /^max-age=0$/i.test(text) || /1970/.test(text));
    if (over) this.#cookies.delete(`${name} ${path}`);
    else this.#cookies.set(`${name} ${path}`, { value: pair!.slice(at + 1), path });
  }

  /** Opens a page as a person does. Ends at a page that waits for them, or with `url` outside of the gateway. */
  async open(url: string): Promise<PageAnswer> {
    let answer = await this.request(url);
    for (let step = 0; step < 12; step++) {
      const next = this.#next(answer);
      if (next === null) return answer;
      if (new URL(next).origin !== this.origin) return { ...answer, url: next };
      answer = await this.request(next);
    }
    throw new Error(`Redirected without end, at last to ${answer.url}`);
  }

  #next({ status, headers, text, url }: PageAnswer): string | null {
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null) return new URL(location, url).href;
    const refresh = /http-equiv="refresh" content="0; url=([^"]+)"/.exec(text)?.[1];
    return refresh === undefined ? null : new URL(refresh.replaceAll('&amp;', '&'), url).href;
  }

  /** Sends the form of a page, with these fields beside the hidden ones. */
  async submit(page: PageAnswer, fields: Record<string, string>): Promise<PageAnswer> {
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&');
    if (action === undefined) throw new Error(`No form on ${page.url}: ${page.text.slice(0, 500)}`);
    const body = new URLSearchParams();
    for (const [, name, value] of page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)) {
      body.set(name!, value!);
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const answer = await this.request(new URL(action, page.url).href, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: this.origin },
    });
    const next = this.#next(answer);
    if (next === null) return answer;
    return new URL(next).origin === this.origin ? this.open(next) : { ...answer, url: next };
  }
}
