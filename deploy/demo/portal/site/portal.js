// Shows who is signed in and what they may call, and calls the API on its own host.
const API = location.origin.replace('//portal.', '//api.');
const PETS = `${API}/api/pets`;

const element = (id) => document.getElementById(id);

await showSession();

async function showSession() {
  let answer;
  try {
    answer = await fetch('/.auth/userinfo', { headers: { accept: 'application/json' } });
  } catch {
    return trouble('The gateway does not answer.');
  }
  // No session: 401, and the page stays what it is for visitors.
  if (answer.status === 401) return show('visitor');
  if (!answer.ok) return trouble(await reason(answer));

  const user = await answer.json();
  element('who').textContent = element('email').textContent = user.email ?? user.sub;
  element('verified').textContent = user.email_verified ? 'E-mail verified' : 'E-mail not verified yet';
  list('groups', user.groups ?? [], 'None. Someone has to put you into one.', (name) => [name]);
  list('products', user.products ?? [], 'Nothing yet: none of your groups grants a product.', ({ name, environment }) => [
    name,
    make('small', `in ${environment}`),
  ]);
  element('address').textContent = `GET ${PETS}`;
  element('call').addEventListener('click', () => call({ mayLogIn: true }));
  show('user');

  // Back from the API host's login, which the button started: go on where it stopped.
  if (new URLSearchParams(location.search).has('call')) {
    history.replaceState(null, '', location.pathname);
    await call({ mayLogIn: false });
  }
}

/**
 * Calls the API with the cookies of its own host. They differ from this host's, so the first call finds nobody signed in
 * there: then the browser goes through the API host's login, which the provider answers without a question, and comes back.
 */
async function call({ mayLogIn }) {
  let answer;
  try {
    answer = await fetch(PETS, { credentials: 'include', headers: { accept: 'application/json' } });
  } catch {
    return result(false, 'The API does not answer.');
  }
  if (answer.status === 401 && mayLogIn) {
    const back = `${location.origin}/?call=1`;
    location.assign(`${API}/.auth/login?return_to=${encodeURIComponent(back)}`);
    return;
  }
  if (!answer.ok) return result(false, `${answer.status}: ${await reason(answer)}`);
  const pets = await answer.json();
  result(true, `${answer.status}: ${pets.length} pets`, table(pets));
}

function table(pets) {
  const columns = ['id', 'name', 'status'];
  const rows = pets.map((pet) => make('tr', ...columns.map((column) => make('td', String(pet[column])))));
  return make('table', make('thead', make('tr', ...columns.map((column) => make('th', column)))), make('tbody', ...rows));
}

/** What a refusal says for itself, in the terms of `application/problem+json`. */
async function reason(answer) {
  try {
    const problem = await answer.json();
    return problem.detail ?? problem.title ?? problem.reason ?? answer.statusText;
  } catch {
    return answer.statusText || 'no reason given';
  }
}

function result(good, text, ...more) {
  const status = make('p', text);
  status.className = good ? 'status' : 'status bad';
  element('result').replaceChildren(status, ...more);
}

function list(id, items, none, content) {
  const entries = items.map((item) => make('li', ...content(item)));
  if (entries.length === 0) {
    const entry = make('li', none);
    entry.className = 'none';
    entries.push(entry);
  }
  element(id).replaceChildren(...entries);
}

function make(name, ...children) {
  const node = document.createElement(name);
  node.append(...children);
  return node;
}

function trouble(text) {
  element('trouble').textContent = text;
  show('trouble');
}

function show(state) {
  document.body.dataset.state = state;
}
