/** A page as a browser without scripts sees it. */
export interface WebPage {
  url: URL;
  status: number;
  headers: Headers;
  text: string;
}

interface Form {
  action: URL;
  fields: [string, string][];
  buttons: string[];
}

const ENTITY = /&#(\d+);/g;
const decode = (text: string) => text.replace(ENTITY, (_, code) => String.fromCharCode(Number(code)));

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : decode(value);
}

/** Keeps cookies, follows redirects on one origin, fills in and sends forms. Leaves the origin only to say where it is sent. */
export class WebBrowser {
  readonly cookies = new Map<string, string>();
  /** Every Set-Cookie header that came. */
  readonly setCookies: string[] = [];

  /** `origins` are those that it visits. */
  constructor(private readonly origins: readonly string[]) {}

  async open(url: string | URL, init: RequestInit = {}): Promise<WebPage> {
    const response = await this.fetch(url, init);
    const location = response.headers.get('location');
    if (location === null || response.status < 300 || response.status > 399) return this.page(url, response);
    await response.arrayBuffer();
    const next = new URL(location, url);
    if (!this.origins.includes(next.origin)) return this.page(next, response);
    return this.open(next);
  }

  /** Presses the button with this value in the form that has it. */
  async press(page: WebPage, button: string, fill: Record<string, string> = {}): Promise<WebPage> {
    const form = formsOf(page).find(({ buttons }) => buttons.includes(button));
    if (!form) throw new Error(`There is no button ${button} on:\n${page.text}`);
    const body = new URLSearchParams(form.fields.map(([name, value]): [string, string] => [name, fill[name] ?? value]));
    if (button !== '') body.set('action', button);
    return this.open(form.action, { method: 'POST', body });
  }

  /** One request, no redirect followed. */
  async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url);
    const cookie = [...this.cookies]
      .filter(([key]) => key.startsWith(`${origin} `))
      .map(([key, value]) => `${key.slice(origin.length + 1)}=${value}`)
      .join('; ');
    const headers = new Headers(init.headers);
    if (cookie) headers.set('cookie', cookie);
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.keep(origin, line);
    return response;
  }

  private keep(origin: string, line: string): void {
    this.setCookies.push(line);
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const expires = /expires=([^;]+)/i.exec(line)?.[1];
    const gone = /max-age=0/i.test(line) || (expires !== undefined && Date.parse(expires) <= Date.now());
    if (gone) this.cookies.delete(`${origin} ${name}`);
    else this.cookies.set(`${origin} ${name}`, value);
  }

  private async page(url: string | URL, response: Response): Promise<WebPage> {
    const text = response.bodyUsed ? '' : await response.text();
    return { url: new URL(url), status: response.status, headers: response.headers, text };
  }
}

export function formsOf({ text, url }: WebPage): Form[] {
  return [...text.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => {
    const inputs = [...form.matchAll(/<input\b[^>]*>/g)].map(([tag]) => tag);
    const buttons = [...form.matchAll(/<button\b[^>]*>/g)].map(([tag]) => attribute(tag, 'value') ?? '');
    return {
      action: new URL(attribute(form, 'action') ?? '', url),
      fields: inputs.map((tag): [string, string] => [attribute(tag, 'name') ?? '', attribute(tag, 'value') ?? '']),
      buttons,
    };
  });
}

/** The links of a page, by their text. */
export function linksOf({ text, url }: WebPage): Map<string, URL> {
  const links = [...text.matchAll(/(<a\b[^>]*>)([^<]*)<\/a>/g)];
  return new Map(links.map(([, tag = '', label = '']) => [decode(label), new URL(attribute(tag, 'href') ?? '', url)]));
}
