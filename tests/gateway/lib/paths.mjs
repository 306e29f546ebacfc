// Raw request targets that lead out of `/a` by somebody's reading, and what the strictest reading makes of a target.

const DOTS = ['..', '%2e%2e', '.%2e', '%2E.', '%252e%252e', '..;', '..;x=1', '%2e%2e;', '..%00', '%c0%ae%c0%ae', '%u002e%u002e', '..%20', '..%09', '.', '...'];
const SLASHES = ['/', '//', '/./', '%2f', '%2F', '\\', '%5c', '%5C/', '%252f', '%255c', ';/', '/;/', '/;x=%2f/', '%00/', '%c0%af', '\xc0\xaf', '\xef\xbc\x8f', '%0a/'];

/** Targets in `/a` that nobody reads otherwise: they must arrive, or the test proves nothing. */
export const PLAIN = ['/a', '/a/x', '/a/x/y?z=1', '/a/x?../../b', '/a/x%20y', '/a/~x-._', '/a/x?y=%2e%2e%2fb'];

export function hostileTargets() {
  const targets = [];
  for (const slash of SLASHES) {
    for (const dots of DOTS) targets.push(`/a${slash}${dots}${slash}b/secret`);
    targets.push(`${slash}b`, `/b${slash}a`, `/a${slash}b`, `${slash}a${slash}b`, `/a/x${slash}`, `/a${slash}`);
  }
  for (const dots of DOTS) targets.push(`/a/${dots}`, `/a/${dots}%2fb`, `/a/${dots}//b`, `/a/x/${dots}/${dots}/b`, `/${dots}/b`);
  return [
    ...targets,
    '/a/x#/../../b', '/a/x%23/../../b', '/a?/../b', '/a%3f/../b', '/a/../../b', '/../a/../b', '/a/b/../../../b', '/./b', '/a/..', '/a/../', '/a/x/../..',
    '/A/../b', '/b/%2e%2e/a', '/b/..;/a', '/ab', '/a.', '/a;/b', '/a;b', '/a%3b/../b', '/a%20/../b', '/%61/../b', '/%61/x', '/%2561/x', '/a/%', '/a/%2', '/a/%zz/../../b',
    'http://api.petstore.localhost/a/../b', 'http://api.petstore.localhost/a/..%2fb', 'http://api.petstore.localhost//b', '*', 'a/x', '', '//api.petstore.localhost/b',
    `/a/${'x/'.repeat(300)}${'../'.repeat(301)}b`, `/a/${'%2e%2e/'.repeat(50)}b`, `/a${'%25'.repeat(50)}2f..%2fb`,
  ];
}

/**
 * Every path that some upstream may take a target for: not decoded, decoded once, twice and three times; with `\` as `/` or not, parameters after `;`, the rest after NUL, white space cut off or not; and each with its dots resolved.
 */
export function readings(target) {
  const raw = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/)[0];
  let forms = [raw];
  for (let turn = 0; turn < 3; turn += 1) forms.push(decoded(forms.at(-1)));
  const also = (change) => {
    forms = [...new Set(forms.flatMap((form) => [form, change(form)]))];
  };
  also((form) => form.replaceAll('\\', '/'));
  also((form) => form.replaceAll(/;[^/]*/g, ''));
  also((form) => form.split('\0')[0]);
  also((form) => form.replaceAll(/[\t\n\r ]+/g, ''));
  also((form) => form.split(/[?#]/)[0]);
  return [...new Set(forms.map(resolved))];
}

export function isWithin(path, base) {
  return path === base || path.startsWith(`${base}/`);
}

/** Bytes for what is escaped, overlong forms of `.`, `/` and `\` too; what is no escape stays. */
function decoded(text) {
  return text
    .replaceAll(/%u00([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    .replaceAll(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    .replaceAll('\xc0\xae', '.')
    .replaceAll('\xc0\xaf', '/')
    .replaceAll('\xc1\x9c', '\\')
    .replaceAll('\xef\xbc\x8f', '/');
}

/** Without empty segments, `.` and `..` (RFC 3986 §5.2.4). */
function resolved(path) {
  const kept = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}
