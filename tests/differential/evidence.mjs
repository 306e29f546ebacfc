// What stands in a token, as far as it can be read at all: evidence for a refusal.

/** Texts of header and payload, and what JSON.parse makes of them. */
export function parts(token) {
  const texts = token.split('.', 2).map((part) => Buffer.from(part, 'base64url').toString());
  const [header, claims] = texts.map((text) => {
    try {
      return JSON.parse(text);
    } catch {
      return {};
    }
  });
  return { texts, header, claims };
}

const DEEPEST = 16;

/**
 * Whether a JSON text begins with a byte order mark, has a name twice in one object, is nested deeper than anybody needs,
 * has a number that no double holds, or half a surrogate pair.
 */
export function ambiguous(json) {
  if (json.startsWith('\ufeff')) return true;
  const open = [];
  let pending;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      if (open.at(-1)?.has(pending)) return true;
      open.at(-1)?.add(pending);
    } else if (token.startsWith('"')) {
      pending = JSON.parse(token);
      if (!pending.isWellFormed()) return true;
    } else if (/^-?\d/.test(token) && !Number.isFinite(Number(token))) return true;
    if (open.length > DEEPEST) return true;
  }
  return false;
}
