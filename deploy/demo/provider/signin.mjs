// Sign-in and sign-up: the pages between a request for a login and the way back to the portal.
import { loginPage, problemPage, registerPage } from './pages.mjs';

const FORM_LIMIT = 16 * 1024;

/** Answers `/signin/<uid>` and `/signin/<uid>/register`; the sign-in in question is known by its cookie. */
export async function signin(provider, accounts, request, response) {
  let interaction;
  try {
    interaction = await provider.interactionDetails(request, response);
  } catch {
    return html(response, 400, problemPage('This sign-in has expired. Please go back to the portal and start again.'));
  }

  const { uid } = interaction;
  const { pathname, search } = new URL(request.url, 'http://provider');
  const signUp = pathname === `/signin/${uid}/register`;
  if (!signUp && pathname !== `/signin/${uid}`) return html(response, 404, problemPage('There is no such page.'));

  if (request.method !== 'POST') {
    // `prompt=create` opens the sign-up form, unless its own link "Sign in" was followed.
    const register = signUp || (interaction.prompt.name === 'create' && search !== '?login');
    return html(response, 200, register ? registerPage({ uid }) : loginPage({ uid, email: interaction.params.login_hint }));
  }

  const form = await readForm(request);
  const { account, error } = signUp ? accounts.register(form) : attempt(accounts, form);
  if (error) return html(response, 400, (signUp ? registerPage : loginPage)({ uid, ...form, error }));

  const result = account.assigned
    ? { create: {}, login: { accountId: account.accountId, amr: ['pwd'] } }
    : { error: 'access_denied', error_description: 'User is not assigned to the client application.' };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

function attempt(accounts, { email, password }) {
  const account = accounts.login(email, password);
  return account ? { account } : { error: 'E-mail or password is wrong.' };
}

async function readForm(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > FORM_LIMIT) break;
  }
  const form = new URLSearchParams(body);
  return { email: form.get('email') ?? '', name: form.get('name') ?? '', password: form.get('password') ?? '' };
}

function html(response, status, body) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
