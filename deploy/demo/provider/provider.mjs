// The certified OpenID provider `oidc-provider`, set up to behave as the guide's Okta authorization server.
import http from 'node:http';

import { load } from '../lib/npm.mjs';
import { errorPage, logoutPage } from './pages.mjs';

const { default: Provider, interactionPolicy } = await load('oidc-provider');
const { Prompt, base } = interactionPolicy;

/** Okta's paths below the issuer. */
const ROUTES = {
  authorization: '/v1/authorize',
  end_session: '/v1/logout',
  jwks: '/v1/keys',
  revocation: '/v1/revoke',
  token: '/v1/token',
  userinfo: '/v1/userinfo',
};

/** How long a client may keep the published keys. */
const JWKS_MAX_AGE = 300;

/** A provider with these signing keys; accounts and storage may be shared with an earlier one. */
export function createProvider({ settings, accounts, storage, jwks }) {
  const provider = new Provider(settings.issuer.href, {
    adapter: storage,
    jwks,
    clients: [client(settings)],
    routes: ROUTES,
    pkce: { required: () => true },
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic'],
    scopes: ['openid', 'offline_access'],
    claims: {
      openid: ['sub', 'at_hash'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    // Okta puts these claims into the ID token, not only into the answer of userinfo.
    conformIdTokenClaims: false,
    discovery: { prompt_values_supported: ['none', 'login', 'consent', 'create'] },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: logoutPage, postLogoutSuccessSource: logoutPage.done },
    },
    cookies: { keys: [settings.cookieKey] },
    interactions: { policy: policy(), url: (_ctx, interaction) => `/signin/${interaction.uid}` },
    findAccount: (ctx, id) => subject(ctx, accounts.find(id)),
    loadExistingGrant: grantWhatIsAsked,
    issueRefreshToken: (_ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 86400, IdToken: settings.idTokenSeconds, Interaction: 3600, RefreshToken: 86400, Session: 86400 },
    renderError: errorPage,
    fetch: fetchOnLoopback,
  });

  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === ROUTES.jwks) ctx.set('cache-control', `public, max-age=${JWKS_MAX_AGE}`);
  });
  return provider;
}

/**
 * Okta gives a refresh token whenever `offline_access` is asked for. OpenID Connect wants `prompt=consent` with it, and
 * this provider would drop the scope without; so the word is added to such requests, and means nothing below.
 */
export function askConsentForOfflineAccess(url) {
  const { pathname, searchParams } = new URL(url, 'http://provider');
  const prompts = searchParams.get('prompt')?.split(' ') ?? [];
  const offline = searchParams.get('scope')?.split(' ').includes('offline_access');
  if (pathname !== ROUTES.authorization || !offline || prompts.includes('none') || prompts.includes('consent')) return url;
  searchParams.set('prompt', [...prompts, 'consent'].join(' '));
  return `${pathname}?${searchParams}`;
}

function client({ clientId, clientSecret, portal }) {
  const at = (path) => new URL(path, portal).href;
  return {
    client_id: clientId,
    client_secret: clientSecret,
    client_name: 'Petstore',
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [at('/callback')],
    post_logout_redirect_uris: [at('/'), portal.origin],
    backchannel_logout_uri: at('/.auth/backchannel-logout'),
    backchannel_logout_session_required: true,
  };
}

/**
 * The account behind a request. Okta's ID tokens carry `at_hash`, which this library adds to those of the implicit flow only:
 * given the access token under that name, it makes the hash itself.
 */
function subject(ctx, account) {
  return account && {
    accountId: account.accountId,
    claims: (use) => ({ ...account.claims(), at_hash: use === 'id_token' ? ctx.oidc.entities.AccessToken?.jti : undefined }),
  };
}

/** Sign-up before login, and a consent that is known by name but never asked: the organisation decides at Okta. */
function policy() {
  const prompts = base();
  prompts.add(new Prompt({ name: 'create', requestable: true }), 0);
  prompts.get('consent').checks.clear();
  return prompts;
}

async function grantWhatIsAsked(ctx) {
  const { provider, client, session, params } = ctx.oidc;
  const id = session.grantIdFor(client.clientId);
  const existing = id && (await provider.Grant.find(id));
  const grant = existing || new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

/** For the logout notice to the portal: names under `.localhost` mean loopback, which Node's resolver does not know. */
function fetchOnLoopback(url, { method, headers, body, signal }) {
  const { host, port, pathname, search } = new URL(url);
  const options = { host: '127.0.0.1', port, path: pathname + search, method, signal, headers: { ...Object.fromEntries(headers), host } };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      response.resume();
      resolve(new Response(null, { status: response.statusCode }));
    });
    request.on('error', reject);
    request.end(body?.toString());
  });
}
