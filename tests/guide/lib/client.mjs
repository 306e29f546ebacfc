// An HTTP client that is as plain as curl, or, where asked, sends what a browser sends with a navigation or a fetch.
// It always connects to 127.0.0.1: names under `.localhost` mean loopback, but Node's resolver does not know them.
import http from 'node:http';

import { CookieJar } from './cookies.mjs';

const MAX_REDIRECTS = 12;
const TIMEOUT = 15_000;
const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

export class Client {
  /** `portOf(url)` is where that address is connected to; by default its own port. */
  constructor(jar = new CookieJar(), { portOf = (url) => url.port || 80 } = {}) {
    this.jar = jar;
    this.portOf = portOf;
  }

  /** One request, no redirect followed. `form` posts a form. */
  async request(address, { method, headers = {}, form, body = form && new URLSearchParams(form).toString() } = {}) {
    const url = new URL(address);
    const sent = { host: url.host, accept: '*/*', cookie: this.jar.header(url), ...headers };
    if (form) sent['content-type'] = 'application/x-www-form-urlencoded';
    for (const [name, value] of Object.entries(sent)) if (value === undefined) delete sent[name];

    const answer = await exchange(url, { port: this.portOf(url), method: method ?? (body === undefined ? 'GET' : 'POST'), headers: sent }, body);
    this.jar.store(url, answer.cookies);
    return answer;
  }

  /** As a script on a page at `origin` would call; without `origin`, as one on the host itself. */
  fetch(address, { origin = new URL(address).origin, headers, ...options } = {}) {
    const site = origin === new URL(address).origin ? 'same-origin' : 'same-site';
    return this.request(address, {
      ...options,
      headers: { origin, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': site, ...headers },
    });
  }

  /** As a browser's address bar: one request. */
  open(address, { from = 'none', headers, ...options } = {}) {
    return this.request(address, {
      ...options,
      headers: { accept: HTML, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': from, ...headers },
    });
  }

  /** As a browser's address bar, redirects followed to the page where they end. */
  async navigate(address, options = {}) {
    let answer = await this.open(address, options);
    const path = [answer.url.href];
    while (answer.redirect) {
      if (path.length > MAX_REDIRECTS) throw new Error(`too many redirects: ${path.join(' → ')}`);
      path.push(answer.redirect.href);
      answer = await this.open(answer.redirect, { from: 'cross-site' });
    }
    return Object.assign(answer, { path });
  }

  /** Fills in the form of a page, sends it and follows. */
  submit(page, fields = {}) {
    const form = page.form();
    if (!form) throw new Error(`no form at ${page.url.href} (${page.status}): ${page.body.slice(0, 200)}`);
    return this.navigate(form.action, { from: 'same-origin', headers: { origin: page.url.origin }, form: { ...form.fields, ...fields } });
  }
}

class Answer {
  constructor(url, response, body) {
    this.url = url;
    this.status = response.statusCode;
    this.headers = response.headers;
    this.cookies = response.headers['set-cookie'] ?? [];
    this.body = body;
  }

  get redirect() {
    const redirected = [301, 302, 303, 307, 308].includes(this.status) && this.headers.location;
    return redirected ? new URL(this.headers.location, this.url) : undefined;
  }

  get type() {
    return (this.headers['content-type'] ?? '').split(';')[0];
  }

  json() {
    try {
      return JSON.parse(this.body);
    } catch {
      throw new Error(`no JSON from ${this.url.href} (${this.status} ${this.type}): ${this.body.slice(0, 200)}`);
    }
  }

  /** The first form that posts, with the values that it has by itself. */
  form() {
    const [, attributes, inside] = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(this.body) ?? [];
    if (attributes === undefined) return undefined;
    const inputs = [...inside.matchAll(/<input\b([^>]*)>/gi)].map(([, input]) => [attribute(input, 'name'), attribute(input, 'value') ?? '']);
    return { action: new URL(attribute(attributes, 'action') ?? '', this.url).href, fields: Object.fromEntries(inputs) };
  }
}

function attribute(tag, name) {
  const [, value] = new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(tag) ?? [];
  return value?.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

function exchange(url, options, body) {
  const target = { host: '127.0.0.1', path: url.pathname + url.search, agent: false, timeout: TIMEOUT };
  return new Promise((resolve, reject) => {
    const request = http.request({ ...target, ...options }, async (response) => {
      try {
        let text = '';
        response.setEncoding('utf8');
        for await (const chunk of response) text += chunk;
        resolve(new Answer(url, response, text));
      } catch (error) {
        reject(error);
      }
    });
    request.on('timeout', () => request.destroy(new Error(`${url.href} did not answer in time`)));
    request.on('error', reject);
    request.end(body);
  });
}
