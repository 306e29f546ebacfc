// Serves the portal's page. It knows nothing of logins: Portcullis stands in front of it and answers `/.auth/`.
import { readFile } from 'node:fs/promises';
import http from 'node:http';

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/portal.css': ['portal.css', 'text/css; charset=utf-8'],
  '/portal.js': ['portal.js', 'text/javascript; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

const HEADERS = {
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  // The page calls the API on another host, and nothing else.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    + "connect-src 'self' http://api.petstore.localhost:*; base-uri 'none'; frame-ancestors 'none'",
};

const server = http.createServer(async (request, response) => {
  const file = FILES[new URL(request.url, 'http://portal').pathname];
  if (!file || !['GET', 'HEAD'].includes(request.method)) {
    response.writeHead(file ? 405 : 404, { 'content-type': 'text/plain' }).end('There is nothing here.\n');
    return;
  }
  const [name, type] = file;
  const content = await readFile(new URL(`site/${name}`, import.meta.url));
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': content.length });
  response.end(request.method === 'HEAD' ? undefined : content);
});

const port = Number(process.env.PORTAL_PORT ?? 10300);
server.listen(port, '127.0.0.1', () => console.log(`portal page on port ${port}`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
