//! A provider on loopback that answers what a test tells it to.

use crate::clock::Clock;
use crate::config::{ProviderSettings, RequireAtHash};
use crate::provider::Providers;
use crate::time::UnixTime;
use crate::token::Issuer;
use crate::token::fixtures::jwks;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub(super) const NOW: UnixTime = UnixTime(1_800_000_000);
pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What a path answers.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The body's end never comes.
    pub(super) endless: bool,
    /// Each answer needs a permit.
    pub(super) gate: Option<Arc<Semaphore>>,
}

impl Reply {
    pub(super) fn json(value: &Value) -> Self {
        Self::text(&value.to_string())
    }

    pub(super) fn text(text: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        let body = text.as_bytes().to_vec();
        Self { status: 200, headers, body, endless: false, gate: None }
    }

    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::text("{}") }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    /// As on the request line.
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

#[derive(Clone, Default)]
struct Script {
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The provider; it ends with its value.
pub(super) struct Fake {
    pub(super) port: u16,
    pub(super) issuer: Issuer,
    script: Script,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// A provider at `127.0.0.1` with these keys.
    pub(super) async fn start(keys: &[Value]) -> Self {
        Self::start_as("127.0.0.1", keys).await
    }

    pub(super) async fn start_as(host: &str, keys: &[Value]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let script = Script::default();
        let app = Router::new().fallback(answer).with_state(script.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        let issuer = Issuer::parse(&format!("http://{host}:{port}"), true).expect("an issuer");
        let fake = Self { port, issuer, script, task };
        fake.on(DISCOVERY, Reply::json(&fake.document()));
        fake.keys(keys);
        fake
    }

    /// A discovery document that holds.
    pub(super) fn document(&self) -> Value {
        let issuer = self.issuer.as_str();
        json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "revocation_endpoint": format!("{issuer}/revoke")})
    }

    pub(super) fn on(&self, path: &str, reply: Reply) {
        self.script.replies.lock().expect("a lock").insert(path.to_owned(), reply);
    }

    pub(super) fn keys(&self, keys: &[Value]) {
        self.on("/keys", Reply::text(&jwks(keys)));
    }

    /// Requests to this path, in order.
    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.script.seen.lock().expect("a lock");
        seen.iter().filter(|one| one.target == path).cloned().collect()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.seen(path).len()
    }

    /// Settings that let this provider be reached.
    pub(super) fn settings() -> ProviderSettings {
        ProviderSettings {
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            allow_http: true,
            allow_addresses: vec!["127.0.0.0/8".parse().expect("a net")],
            extra_hosts: Vec::new(),
            proxy: None,
            ca_file: None,
            max_id_token_lifetime: Duration::from_secs(86_400),
            require_at_hash: RequireAtHash::Auto,
        }
    }

    /// Providers that know this one and have tried it once, and their clock.
    pub(super) async fn known(&self) -> (Providers, Clock) {
        self.known_with(&Self::settings()).await
    }

    pub(super) async fn known_with(&self, settings: &ProviderSettings) -> (Providers, Clock) {
        let clock = Clock::manual(NOW);
        let providers = Providers::new(settings, clock.clone()).expect("providers");
        providers.set_issuers(vec![(&self.issuer).into()]);
        eventually(|| providers.first_fetches_over()).await;
        (providers, clock)
    }
}

/// Waits until `holds` does.
pub(super) async fn eventually(holds: impl Fn() -> bool + Send + Sync) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let wait = async {
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("holds at last");
}

async fn answer(State(script): State<Script>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let authorization = head.headers.get("authorization");
    script.seen.lock().expect("a lock").push(Seen {
        method: head.method,
        target: head.uri.to_string(),
        authorization: authorization.map(|value| value.to_str().expect("text").to_owned()),
        body: String::from_utf8(body.to_vec()).expect("text"),
    });
    let reply = script.replies.lock().expect("a lock").get(&head.uri.to_string()).cloned();
    let reply = reply.unwrap_or_else(|| Reply::status(404));
    if let Some(gate) = &reply.gate {
        gate.acquire().await.expect("a permit").forget();
    }
    let mut response =
        Response::builder().status(StatusCode::from_u16(reply.status).expect("a status"));
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(reply.body))]);
    let body = if reply.endless {
        Body::from_stream(first.chain(stream::pending()))
    } else {
        Body::from_stream(first)
    };
    response.body(body).expect("a response")
}
