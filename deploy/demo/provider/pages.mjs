// The provider's pages: plain HTML, one style sheet, no script but the one that sends the logout form.

const STYLE = `
:root { color-scheme: light; --ink: #1d1d21; --soft: #6e6e78; --line: #d9d9e0; --blue: #1662dd; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 1.5rem; background: #f4f4f6;
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { width: min(26rem, calc(100vw - 3rem)); background: #fff; border: 1px solid var(--line); border-radius: 6px;
  padding: 2.25rem 2.25rem 1.75rem; box-shadow: 0 1px 3px #0001; }
.org { display: flex; justify-content: center; align-items: center; gap: .6rem; padding-bottom: 1.4rem; margin-bottom: 1.5rem;
  border-bottom: 1px solid var(--line); color: var(--soft); font-size: .9rem; letter-spacing: .02em; }
.org i { width: 1.5rem; height: 1.5rem; border: .42rem solid var(--blue); border-radius: 50%; }
h1 { margin: 0 0 1.25rem; font-size: 1.25rem; font-weight: 600; text-align: center; }
label { display: block; margin: 0 0 1rem; font-size: .875rem; font-weight: 600; }
label small { font-weight: 400; color: var(--soft); }
input { display: block; width: 100%; margin-top: .3rem; padding: .6rem .7rem; font: inherit; border: 1px solid #8c8c96; border-radius: 4px; }
input:focus, button:focus-visible { outline: 2px solid var(--blue); outline-offset: 1px; }
button { width: 100%; margin-top: .4rem; padding: .7rem; font: inherit; font-weight: 600; color: #fff; background: var(--blue);
  border: 0; border-radius: 4px; cursor: pointer; }
button:hover { background: #124a94; }
p.other { margin: 1.4rem 0 0; text-align: center; font-size: .9rem; color: var(--soft); }
a { color: var(--blue); }
p.bad { margin: 0 0 1.2rem; padding: .6rem .8rem; border-left: 4px solid var(--bad); background: #fdf1f0; font-size: .9rem; }
code { overflow-wrap: anywhere; }
`;

export function loginPage({ uid, email = '', error }) {
  return page('Sign in', `
    ${warning(error)}
    <form method="post" action="/signin/${escape(uid)}">
      <label>E-mail <input name="email" type="email" autocomplete="username" required autofocus value="${escape(email)}"></label>
      <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
      <button>Sign in</button>
    </form>
    <p class="other">No account yet? <a href="/signin/${escape(uid)}/register">Sign up</a></p>`);
}

export function registerPage({ uid, email = '', name = '', error }) {
  return page('Sign up', `
    ${warning(error)}
    <form method="post" action="/signin/${escape(uid)}/register">
      <label>E-mail <input name="email" type="email" autocomplete="username" required autofocus value="${escape(email)}"></label>
      <label>Name <small>(if you like)</small> <input name="name" autocomplete="name" value="${escape(name)}"></label>
      <label>Password <small>(8 characters or more)</small>
        <input name="password" type="password" autocomplete="new-password" minlength="8" required></label>
      <button>Register</button>
    </form>
    <p class="other">Have an account? <a href="/signin/${escape(uid)}?login">Sign in</a></p>`);
}

/** Logout needs no question here: who comes was sent by the portal's own Log out button. */
export function logoutPage(ctx, form) {
  const yes = '<input type="hidden" name="logout" value="yes"><button>Sign out</button></form>';
  ctx.body = page('Signing out', `${form.replace('</form>', yes)}<script>document.forms[0].submit()</script>`);
}

logoutPage.done = (ctx) => {
  ctx.body = page('Signed out', '<p class="other">You are signed out of this organisation.</p>');
};

export function errorPage(ctx, out) {
  ctx.type = 'html';
  ctx.body = page('This did not work', `${warning(out.error_description ?? out.error)}<p class="other"><code>${escape(out.error)}</code></p>`);
}

/** For what goes wrong outside the library, an expired sign-in for example. */
export function problemPage(message) {
  return page('This did not work', warning(message));
}

function page(title, body) {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${STYLE}</style></head>
<body><main><div class="org"><i></i>okta.localhost, the demo’s provider</div><h1>${title}</h1>${body}</main></body>
</html>`;
}

function warning(text) {
  return text ? `<p class="bad" role="alert">${escape(text)}</p>` : '';
}

function escape(text) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return String(text).replace(/[&<>"']/g, (character) => entities[character]);
}
