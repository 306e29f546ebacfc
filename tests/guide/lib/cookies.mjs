// A cookie jar that keeps the rules of browsers which matter here: host-only cookies, `Secure`, `__Host-`, paths, expiry.

/** Browsers ignore a cookie whose name and value are longer than this together. */
const MAX_LENGTH = 4096;

export class CookieJar {
  #cookies = [];

  /** Takes the `Set-Cookie` headers of an answer from `url`. */
  store(url, headers) {
    for (const header of headers) {
      const cookie = parse(header, url);
      if (!cookie) continue;
      this.#cookies = this.#cookies.filter((old) => !same(old, cookie));
      if (cookie.expires > Date.now()) this.#cookies.push(cookie);
    }
  }

  /** The `Cookie` header for a request to `url`, or nothing. */
  header(url) {
    const sent = this.for(url).map(({ name, value }) => `${name}=${value}`);
    return sent.length > 0 ? sent.join('; ') : undefined;
  }

  /** The cookies that a request to `url` carries: longest path first, as browsers do. */
  for(url) {
    this.#cookies = this.#cookies.filter(({ expires }) => expires > Date.now());
    return this.#cookies
      .filter((cookie) => matches(cookie, url))
      .sort((a, b) => b.path.length - a.path.length);
  }

  /** Forgets what a host has set. */
  clear(host) {
    this.#cookies = this.#cookies.filter((cookie) => cookie.host !== host);
  }
}

function parse(header, url) {
  const [pair, ...rest] = header.split(';').map((part) => part.trim());
  const equals = pair.indexOf('=');
  if (equals < 1 || pair.length > MAX_LENGTH) return undefined;
  const attributes = new Map(rest.map((part) => {
    const [key, ...value] = part.split('=');
    return [key.toLowerCase(), value.join('=')];
  }));

  const cookie = {
    name: pair.slice(0, equals),
    value: pair.slice(equals + 1),
    host: url.hostname,
    path: attributes.get('path')?.startsWith('/') ? attributes.get('path') : defaultPath(url),
    secure: attributes.has('secure'),
    httpOnly: attributes.has('httponly'),
    sameSite: attributes.get('samesite'),
    expires: expiry(attributes),
  };
  // No cookie of ours, or of the provider, is meant for more than one host; one that says so is a fault.
  if (attributes.has('domain')) throw new Error(`${url.host} set the cookie ${cookie.name} with a Domain`);
  if (cookie.secure && !trustworthy(url)) return undefined;
  if (cookie.name.startsWith('__Secure-') && !cookie.secure) return undefined;
  if (cookie.name.startsWith('__Host-') && !(cookie.secure && attributes.get('path') === '/')) return undefined;
  return cookie;
}

function expiry(attributes) {
  if (attributes.has('max-age')) return Date.now() + Number(attributes.get('max-age')) * 1000;
  if (attributes.has('expires')) return Date.parse(attributes.get('expires'));
  return Infinity;
}

function matches(cookie, url) {
  const below = cookie.path.endsWith('/') ? cookie.path : `${cookie.path}/`;
  return cookie.host === url.hostname
    && (url.pathname === cookie.path || url.pathname.startsWith(below))
    && (!cookie.secure || trustworthy(url));
}

/** Where browsers send `Secure` cookies: over https, and to names under `.localhost`. */
function trustworthy(url) {
  return url.protocol === 'https:' || url.hostname.endsWith('.localhost');
}

function defaultPath(url) {
  return url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/')));
}

function same(a, b) {
  return a.name === b.name && a.host === b.host && a.path === b.path;
}
