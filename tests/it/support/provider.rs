//! An OpenID provider on loopback.

use super::knobs::Knobs;
use super::line::Line;
use super::token::{Signer, half_hash, sha256, with};
use super::{CLIENT, PORTAL, SECRET};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use portcullis::clock::Clock;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;
use url::Url;

/// The provider; it ends with its value.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    issuer: String,
    clock: Clock,
    knobs: Mutex<Knobs>,
    state: Mutex<Known>,
}

/// What the provider has given out and seen.
#[derive(Default)]
struct Known {
    codes: HashMap<String, Authorization>,
    refresh_tokens: HashMap<String, Authorization>,
    /// When refresh tokens that rotate were first used.
    used: HashMap<String, u64>,
    reuses: usize,
    made: usize,
    calls: Vec<(String, String)>,
    /// What is nobody else's to see: codes, tokens, verifiers, nonces, the client's secret.
    secrets: Vec<String>,
    /// What was sent, by path.
    forms: Vec<(String, HashMap<String, String>)>,
}

/// A login that the person agreed to.
#[derive(Clone)]
struct Authorization {
    nonce: String,
    challenge: String,
    redirect_uri: String,
    offline: bool,
    auth_time: u64,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    /// A provider that is well.
    pub(crate) async fn start(clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self::on(listener, port, clock)
    }

    /// A provider that is reached by a line of its own.
    pub(crate) async fn behind_a_line(clock: Clock) -> (Self, Line) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let line = Line::to(listener.local_addr().expect("an address"));
        (Self::on(listener, line.port, clock), line)
    }

    fn on(listener: tokio::net::TcpListener, port: u16, clock: Clock) -> Self {
        let issuer = format!("http://127.0.0.1:{port}/oauth2/default");
        let shared = Arc::new(Shared {
            issuer: issuer.clone(),
            clock,
            knobs: Mutex::default(),
            state: Mutex::default(),
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { issuer, shared, task }
    }

    /// Turns something.
    pub(crate) fn turn(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.shared.knobs());
    }

    /// How often a path was called; of the token endpoint, by grant type.
    pub(crate) fn calls(&self, path: &str, grant: &str) -> usize {
        let state = self.shared.state();
        state.calls.iter().filter(|(p, g)| p == path && g == grant).count()
    }

    /// Every path that was called.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        self.shared.state().calls.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Codes, tokens, verifiers, nonces and client secrets that were given out or shown here.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.shared.state().secrets.clone()
    }

    /// What was sent to a path, in order.
    pub(crate) fn forms(&self, path: &str) -> Vec<HashMap<String, String>> {
        let state = self.shared.state();
        state.forms.iter().filter(|(own, _)| own == path).map(|(_, form)| form.clone()).collect()
    }

    /// How often a refresh token came again after its grace, and cost its whole family.
    pub(crate) fn reuses(&self) -> usize {
        self.shared.state().reuses
    }

    /// The refresh tokens that were given out.
    pub(crate) fn refresh_tokens(&self) -> Vec<String> {
        self.shared.state().refresh_tokens.keys().cloned().collect()
    }

    /// The person agrees to the login that the browser came with; returns where it goes next.
    pub(crate) fn authorize(&self, url: &str) -> String {
        let url = Url::parse(url).expect("an authorization URL");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["client_id"], CLIENT);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["redirect_uri"].ends_with("/callback"), "{}", query["redirect_uri"]);
        let mut state = self.shared.state();
        state.made += 1;
        let code = format!("code-{}", state.made);
        let authorization = Authorization {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            offline: query["scope"].split(' ').any(|scope| scope == "offline_access"),
            auth_time: self.shared.clock.now().0,
        };
        state.secrets.extend([code.clone(), query["nonce"].clone(), query["state"].clone()]);
        state.codes.insert(code.clone(), authorization);
        let mut back = Url::parse(&query["redirect_uri"]).expect("a redirect URI");
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &query["state"])
            .append_pair("iss", &self.issuer);
        back.into()
    }

    /// An ID token of this provider as a client would show it.
    pub(crate) fn id_token(&self, changes: &Value) -> String {
        self.sign(&self.bearer_claims(changes))
    }

    /// The claims of such a token.
    pub(crate) fn bearer_claims(&self, changes: &Value) -> Value {
        let claims = self.shared.id_claims(&json!({"at_hash": null, "nonce": null}));
        with(claims, changes)
    }

    /// The key that signs now.
    pub(crate) fn signer(&self) -> Signer {
        self.shared.knobs().signer.clone()
    }

    /// An access token for `audience`, as Okta writes it.
    pub(crate) fn access_token(&self, audience: &str, changes: &Value) -> String {
        self.sign(&self.access_claims(audience, changes))
    }

    /// The claims of such a token.
    pub(crate) fn access_claims(&self, audience: &str, changes: &Value) -> Value {
        let now = self.shared.clock.now().0;
        let claims = json!({"iss": self.issuer, "aud": audience, "sub": "ann@example.com",
            "uid": "00u1", "cid": "0oaOther", "scp": ["pets"], "groups": ["PetstoreUsers"],
            "iat": now, "exp": now + 3600, "jti": "AT.1", "ver": 1});
        with(claims, changes)
    }

    /// A logout token.
    pub(crate) fn logout_token(&self, changes: &Value) -> String {
        let now = self.shared.clock.now().0;
        let claims = json!({"iss": self.issuer, "aud": CLIENT, "sid": "session-1", "sub": "00u1",
            "iat": now, "exp": now + 120, "jti": "LO.1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
        self.sign(&with(claims, changes))
    }

    /// The token that authorizes Universal Logout at the Portal.
    pub(crate) fn revocation_token(&self, changes: &Value) -> String {
        let now = self.shared.clock.now().0;
        let claims = json!({"iss": self.issuer, "sub": CLIENT, "iat": now, "nbf": now,
            "aud": format!("{PORTAL}/.auth/global-token-revocation"), "exp": now + 300,
            "jti": "GR.1"});
        let signer = self.signer();
        let header = json!({"typ": "global-token-revocation+jwt"});
        signer.sign_as(&with(signer.header(), &header), &with(claims, changes))
    }

    fn sign(&self, claims: &Value) -> String {
        self.signer().sign(claims)
    }

    /// Signs with a new key from now on; the old one stays published.
    pub(crate) fn rotate(&self, kid: &str) {
        self.turn(|knobs| {
            knobs.signer = Signer::new(kid);
            knobs.published.push(knobs.signer.clone());
        });
    }
}

impl Shared {
    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().expect("a lock")
    }

    fn state(&self) -> MutexGuard<'_, Known> {
        self.state.lock().expect("a lock")
    }

    fn id_claims(&self, changes: &Value) -> Value {
        let (now, knobs) = (self.clock.now().0, self.knobs());
        let claims = json!({"iss": self.issuer, "aud": CLIENT, "iat": now,
            "exp": now + knobs.lifetime, "auth_time": now});
        with(with(claims, &knobs.person), changes)
    }

    fn discovery(&self) -> Value {
        let issuer = &self.issuer;
        let document = json!({"issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "end_session_endpoint": format!("{issuer}/logout"),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"]});
        with(document, &self.knobs().discovery)
    }

    /// Which login a request to the token endpoint is about, or the error code.
    fn redeem(&self, form: &HashMap<String, String>) -> Result<Authorization, &'static str> {
        let mut state = self.state();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        match field("grant_type") {
            "authorization_code" => {
                let found = state.codes.remove(field("code")).ok_or("invalid_grant")?;
                let proven = sha256(field("code_verifier")) == found.challenge;
                let same = field("redirect_uri") == found.redirect_uri;
                if proven && same { Ok(found) } else { Err("invalid_grant") }
            }
            "refresh_token" => {
                let most = self.knobs().max_scopes;
                let allowed =
                    |scope: &str| most.is_none_or(|most| most.split(' ').any(|own| own == scope));
                if !field("scope").split(' ').all(allowed) {
                    return Err("invalid_scope");
                }
                let token = field("refresh_token");
                let found = state.refresh_tokens.get(token).cloned().ok_or("invalid_grant")?;
                let Some(grace) = self.knobs().rotation else { return Ok(found) };
                let now = self.clock.now().0;
                let used_at = *state.used.entry(token.to_owned()).or_insert(now);
                if now <= used_at + grace {
                    return Ok(found);
                }
                state.reuses += 1;
                // A family has the nonce of its login.
                state.refresh_tokens.retain(|_, login| login.nonce != found.nonce);
                Err("invalid_grant")
            }
            _ => Err("unsupported_grant_type"),
        }
    }

    fn tokens(&self, login: Authorization, grant: &str) -> Value {
        let mut state = self.state();
        state.made += 1;
        let access_token = format!("access-{}", state.made);
        let refresh_token = format!("refresh-token-{}-of-the-test", state.made);
        let own = json!({"nonce": login.nonce, "at_hash": half_hash(&access_token),
            "auth_time": login.auth_time});
        let claims = with(self.id_claims(&json!({})), &own);
        let knobs = self.knobs();
        let refreshed = grant == "refresh_token";
        let claims = with(claims, if refreshed { &knobs.refreshed } else { &knobs.id_token });
        let forge = if refreshed { &knobs.forge_refreshed } else { &knobs.forge_login };
        let id_token = match forge {
            Some(forge) => forge(claims),
            None => knobs.signer.sign(&claims),
        };
        state.secrets.extend([access_token.clone(), refresh_token.clone(), id_token.clone()]);
        let mut response = json!({"token_type": "Bearer", "access_token": access_token,
            "expires_in": 3600, "id_token": id_token});
        if login.offline {
            response["refresh_token"] = refresh_token.clone().into();
            state.refresh_tokens.insert(refresh_token, login);
        }
        with(response, &knobs.response)
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/oauth2/default").to_owned();
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let grant = form.get("grant_type").cloned().unwrap_or_default();
    {
        let mut state = shared.state();
        state.calls.push((path.clone(), grant.clone()));
        state.forms.push((path.clone(), form.clone()));
    }
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = ["code_verifier", "client_secret", "client_assertion"].map(|name| form.get(name));
    let shown = shown.into_iter().flatten().cloned();
    shared.state().secrets.extend(shown.chain(authorization.map(str::to_owned)));
    let fetched = StatusCode::from_u16(shared.knobs().fetch_status).expect("a status");
    if let Some(raw) = shared.knobs().raw.get(&path).cloned() {
        return raw();
    }
    match path.as_str() {
        "/.well-known/openid-configuration" => reply(fetched, &shared.discovery()),
        "/keys" => {
            let knobs = shared.knobs();
            let mut keys: Vec<Value> = knobs.published.iter().map(Signer::jwk).collect();
            keys.extend(knobs.published_beside.iter().cloned());
            reply(fetched, &json!({ "keys": keys }))
        }
        "/userinfo" => {
            let person = shared.knobs().person.clone();
            reply(StatusCode::OK, &with(person, &shared.knobs().userinfo))
        }
        "/token" => {
            let gate = shared.knobs().gate.clone();
            if let Some(gate) = gate {
                gate.acquire().await.expect("a permit").forget();
            }
            token(&shared, authorization, &form, &grant)
        }
        _ => reply(StatusCode::NOT_FOUND, &json!({})),
    }
}

fn token(
    shared: &Shared,
    authorization: Option<&str>,
    form: &HashMap<String, String>,
    grant: &str,
) -> Response {
    let error = shared.knobs().token_error;
    if let Some((status, error)) = error {
        let status = StatusCode::from_u16(status).expect("a status");
        let mut response = reply(status, &json!({ "error": error }));
        for (name, value) in &shared.knobs().token_error_headers {
            response.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        return response;
    }
    // RFC 6749 §2.3.1: both parts are form-encoded first.
    let secret = SECRET.replace(' ', "+");
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{CLIENT}:{secret}"));
    if authorization != Some(format!("Basic {pair}").as_str()) {
        return reply(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
    }
    match shared.redeem(form) {
        Ok(login) => reply(StatusCode::OK, &shared.tokens(login, grant)),
        Err(error) => reply(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

fn reply(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
