//! A provider that can be broken: it keeps what it gave out, and when.

use crate::CLIENT;
use crate::support::token::{Signer, half_hash, sha256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;
use url::Url;

/// How long an ID token lives: a session is refreshed after half of it.
const LIFETIME: u64 = 10;
/// How long an old refresh token is still good after it was used (Okta's grace period).
const GRACE: Duration = Duration::from_secs(60);

/// How it fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Well,
    /// It answers late.
    Slow,
    /// It asks to be left alone.
    TooMany,
    /// It answers 500.
    Broken,
    /// It does what it is asked, and the answer gets lost.
    Lossy,
}

/// The provider. It goes on with what it knows after a restart.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    issuer: String,
    known: Mutex<Known>,
}

struct Known {
    mode: Mode,
    signer: Signer,
    published: Vec<Signer>,
    /// From which generation to which each key was published.
    history: HashMap<String, (u64, Option<u64>)>,
    /// How often the published keys changed, which of them was answered last, and since when.
    generation: u64,
    served: (u64, Instant),
    groups: HashMap<String, Vec<String>>,
    told: HashMap<String, (Vec<String>, Instant)>,
    codes: HashMap<String, Login>,
    refresh_tokens: HashMap<String, Refresh>,
    last_lossy: Option<Instant>,
    made: u64,
    faults: Vec<String>,
    calls: HashMap<String, u64>,
}

#[derive(Clone)]
struct Login {
    person: String,
    nonce: String,
    challenge: String,
    session: String,
    auth_time: u64,
}

struct Refresh {
    login: Login,
    used: Option<Instant>,
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let issuer = format!("http://{address}/oauth2/default");
        let signer = Signer::new("key-0");
        let known = Known {
            mode: Mode::Well,
            published: vec![signer.clone()],
            signer,
            history: [("key-0".to_owned(), (0, None))].into(),
            generation: 0,
            served: (0, Instant::now()),
            groups: HashMap::new(),
            told: HashMap::new(),
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
            last_lossy: None,
            made: 0,
            faults: Vec::new(),
            calls: HashMap::new(),
        };
        let shared = Arc::new(Shared { issuer: issuer.clone(), known: Mutex::new(known) });
        let provider = Self { issuer, address, shared, task: Mutex::default() };
        provider.serve(listener);
        provider
    }

    fn serve(&self, listener: tokio::net::TcpListener) {
        let app = Router::new().fallback(answer).with_state(Arc::clone(&self.shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        let before = self.task.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        assert!(before.is_none(), "it ran already");
    }

    /// Nobody answers any more.
    pub(crate) fn kill(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.expect("it ran").abort();
    }

    /// The same provider is there again.
    pub(crate) async fn restart(&self) {
        for _try in 0..100 {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("an option");
            if socket.bind(self.address).is_ok() {
                return self.serve(socket.listen(1024).expect("listens"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the provider's port is taken");
    }

    pub(crate) fn turn(&self, mode: Mode) {
        self.shared.known().mode = mode;
    }

    /// Signs with a new key; the old one stays published.
    pub(crate) fn rotate(&self) {
        let mut known = self.shared.known();
        known.generation += 1;
        let (kid, generation) = (format!("key-{}", known.generation), known.generation);
        known.signer = Signer::new(&kid);
        known.history.insert(kid, (generation, None));
        let signer = known.signer.clone();
        known.published.push(signer);
    }

    /// Withdraws all keys but the newest.
    pub(crate) fn withdraw(&self) {
        let mut known = self.shared.known();
        if known.published.len() > 1 {
            known.generation += 1;
            known.published = vec![known.signer.clone()];
            let (generation, kept) = (known.generation, kid(&known.signer));
            let others = known.history.iter_mut().filter(|(kid, _)| **kid != kept);
            others.for_each(|(_, (_, until))| *until = until.or(Some(generation)));
        }
    }

    /// Whether the service has the key `kid`; `None`: it has just fetched.
    pub(crate) fn has(&self, kid: &str) -> Option<bool> {
        let known = self.shared.known();
        let (from, until) = known.history[kid];
        let (served, at) = known.served;
        let has = from <= served && until.is_none_or(|until| served < until);
        (at.elapsed() > crate::world::FELT).then_some(has)
    }

    /// The key that signs.
    pub(crate) fn signer(&self) -> Signer {
        self.shared.known().signer.clone()
    }

    /// Puts a person into groups.
    pub(crate) fn groups(&self, person: &str, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self.shared.known().groups.insert(person.to_owned(), groups);
    }

    /// The groups that the last token about a person told, and when.
    pub(crate) fn told(&self, person: &str) -> Option<(Vec<String>, Instant)> {
        self.shared.known().told.get(person).cloned()
    }

    /// What it saw that should not be: refresh tokens used twice.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.shared.known().faults.clone()
    }

    pub(crate) fn calls(&self) -> Vec<(String, u64)> {
        let mut calls: Vec<_> = self.shared.known().calls.clone().into_iter().collect();
        calls.sort();
        calls
    }

    /// `person` agrees to the login that the browser came with; returns where it goes next.
    pub(crate) fn authorize(&self, url: &str, person: &str) -> String {
        let url = Url::parse(url).expect("an authorization URL");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let mut known = self.shared.known();
        known.made += 1;
        let code = format!("code-{}", known.made);
        let login = Login {
            person: person.to_owned(),
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            session: format!("session-{}", known.made),
            auth_time: now(),
        };
        known.codes.insert(code.clone(), login);
        let mut back = Url::parse(&query["redirect_uri"]).expect("a redirect URI");
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &query["state"]);
        back.into()
    }
}

/// The name of a key.
pub(crate) fn kid(signer: &Signer) -> String {
    signer.header()["kid"].as_str().unwrap_or_default().to_owned()
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn discovery(&self) -> Value {
        let issuer = &self.issuer;
        json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            "end_session_endpoint": format!("{issuer}/logout"),
            "code_challenge_methods_supported": ["S256"]})
    }

    /// Which login a call of the token endpoint is about.
    fn redeem(&self, form: &HashMap<String, String>) -> Option<Login> {
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let mut known = self.known();
        if field("grant_type") == "authorization_code" {
            let login = known.codes.remove(field("code"))?;
            return (sha256(field("code_verifier")) == login.challenge).then_some(login);
        }
        let lossy = known.last_lossy.is_some_and(|at| at.elapsed() < GRACE);
        let refresh = known.refresh_tokens.get_mut(field("refresh_token"))?;
        let login = refresh.login.clone();
        let again = refresh.used;
        refresh.used = again.or_else(|| Some(Instant::now()));
        match again {
            Some(_) if !lossy => {
                known.faults.push(format!("a refresh token of {} was used twice", login.person));
                None
            }
            Some(at) if at.elapsed() > GRACE => None,
            Some(_) | None => Some(login),
        }
    }

    fn tokens(&self, login: Login, lost: bool) -> Value {
        let mut known = self.known();
        known.made += 1;
        let (access_token, refresh_token) =
            (format!("access-{}", known.made), format!("refresh-{}", known.made));
        let groups = known.groups.get(&login.person).cloned().unwrap_or_default();
        let claims = json!({"iss": self.issuer, "aud": CLIENT, "sub": login.person, "iat": now(),
            "exp": now() + LIFETIME, "auth_time": login.auth_time, "nonce": login.nonce,
            "sid": login.session, "at_hash": half_hash(&access_token), "groups": groups});
        let id_token = known.signer.sign(&claims);
        if !lost {
            known.told.insert(login.person.clone(), (groups, Instant::now()));
        }
        known.refresh_tokens.insert(refresh_token.clone(), Refresh { login, used: None });
        json!({"token_type": "Bearer", "access_token": access_token, "expires_in": 3600,
            "id_token": id_token, "refresh_token": refresh_token})
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response {
    let path = uri.path().trim_start_matches("/oauth2/default").to_owned();
    let mode = {
        let mut known = shared.known();
        *known.calls.entry(path.clone()).or_default() += 1;
        known.mode
    };
    match mode {
        Mode::Well | Mode::Lossy => {}
        Mode::Slow => tokio::time::sleep(Duration::from_millis(700)).await,
        Mode::Broken => return reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({})),
        Mode::TooMany => {
            let reply = reply(StatusCode::TOO_MANY_REQUESTS, &json!({"errorCode": "E0000047"}));
            return ([(header::RETRY_AFTER, "2")], reply).into_response();
        }
    }
    match path.as_str() {
        "/.well-known/openid-configuration" => reply(StatusCode::OK, &shared.discovery()),
        "/keys" => {
            let mut known = shared.known();
            let keys: Vec<Value> = known.published.iter().map(Signer::jwk).collect();
            if known.served.0 != known.generation {
                known.served = (known.generation, Instant::now());
            }
            reply(StatusCode::OK, &json!({ "keys": keys }))
        }
        "/token" => {
            let lost = mode == Mode::Lossy;
            if lost {
                shared.known().last_lossy = Some(Instant::now());
            }
            let form = url::form_urlencoded::parse(&body).into_owned().collect();
            let Some(login) = shared.redeem(&form) else {
                return reply(StatusCode::BAD_REQUEST, &json!({"error": "invalid_grant"}));
            };
            let tokens = shared.tokens(login, lost);
            if lost {
                return reply(StatusCode::BAD_GATEWAY, &json!({}));
            }
            reply(StatusCode::OK, &tokens)
        }
        _ => reply(StatusCode::NOT_FOUND, &json!({})),
    }
}

fn reply(status: StatusCode, value: &Value) -> Response {
    // One answer a connection: a provider that is killed is gone at once.
    let fields = [(header::CONTENT_TYPE, "application/json"), (header::CONNECTION, "close")];
    (status, fields, value.to_string()).into_response()
}
