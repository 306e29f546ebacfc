// The Petstore: the API that the gateway guards. It believes the identity headers that it gets, as an upstream behind
// Portcullis may; `/api/echo` shows everything that it got, so that one can see what does not get through.
import http from 'node:http';

const BODY_LIMIT = 16 * 1024;

const pets = [
  { id: 1, name: 'Dog', status: 'available' },
  { id: 2, name: 'Cat', status: 'pending' },
  { id: 3, name: 'Parrot', status: 'available' },
];

const server = http.createServer((request, response) => {
  answer(request).then(
    ({ status = 200, body }) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(`${JSON.stringify(body)}\n`);
    },
    (error) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
});

async function answer(request) {
  const { pathname } = new URL(request.url, 'http://petstore');
  const [, id] = /^\/api\/pets\/(\d+)$/.exec(pathname) ?? [];
  switch (`${request.method} ${id ? '/api/pets/{id}' : pathname}`) {
    case 'GET /api/pets':
      return { body: pets };
    case 'GET /api/pets/{id}':
      return find(Number(id));
    case 'POST /api/pets':
      return add(await readBody(request));
    case 'GET /api/echo':
    case 'POST /api/echo':
      return { body: { method: request.method, path: request.url, headers: received(request) } };
    default:
      return { status: 404, body: { error: 'there is nothing here' } };
  }
}

function find(id) {
  const pet = pets.find((candidate) => candidate.id === id);
  return pet ? { body: pet } : { status: 404, body: { error: 'no such pet' } };
}

function add(text) {
  let name;
  try {
    ({ name } = JSON.parse(text));
  } catch {
    return { status: 400, body: { error: 'JSON, please' } };
  }
  if (typeof name !== 'string' || name === '') return { status: 400, body: { error: 'a pet needs a name' } };
  const pet = { id: pets.length + 1, name, status: 'available' };
  pets.push(pet);
  return { status: 201, body: pet };
}

/** Every header line as it came: `{name: [values]}`, so that a second line of the same name cannot hide. */
function received({ rawHeaders }) {
  const headers = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    (headers[rawHeaders[index].toLowerCase()] ??= []).push(rawHeaders[index + 1]);
  }
  return headers;
}

async function readBody(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > BODY_LIMIT) break;
  }
  return body;
}

const port = Number(process.env.PETSTORE_PORT ?? 10200);
server.listen(port, '127.0.0.1', () => console.log(`petstore on port ${port}`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
