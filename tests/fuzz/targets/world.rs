//! A service with a fixed policy, beside a provider that is asked once and never again.

use super::authority::{CLIENT, NOW, jwks, sign};
use portcullis::check::{Checker, Parts};
use portcullis::clock::Clock;
use portcullis::config::{self, Base, Parsed};
use portcullis::envoy::AuthorizationService;
use portcullis::manifest::{self, FileText, Manifests};
use portcullis::policy::{self, Held, Input, Snapshot};
use portcullis::provider::Providers;
use portcullis::session::KeyRing;
use portcullis::telemetry::{CheckMetrics, Metrics};
use portcullis::time::UnixTime;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The products of the one Environment, and their base paths.
pub(super) const PRODUCTS: [(&str, &[&str]); 3] =
    [("all", &[]), ("pets", &["pets"]), ("private", &["pets", "private"])];

const RESOURCES: &str = include_str!("world.yaml");

/// The service and what it judges by. It and what it holds stay in their thread.
pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) service: AuthorizationService,
    pub(super) policy: Arc<Snapshot>,
    /// A token of somebody who may call `pets`, and nothing else.
    pub(super) good: String,
    pub(super) issuer: String,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    pub(super) fn with<T>(look: impl FnOnce(&Self) -> T) -> T {
        WORLD.with(look)
    }

    fn new() -> Self {
        let issuer = provider();
        let parsed = parsed();
        let policy = Arc::new(snapshot(&parsed, &RESOURCES.replace("{ISSUER}", &issuer)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let service = runtime.block_on(service(parsed, Arc::clone(&policy)));
        let claims = json!({"iss": issuer, "aud": CLIENT, "sub": "00u1", "iat": NOW,
            "exp": NOW + 3600, "groups": ["PetstoreUsers"]});
        let good = sign(claims.to_string().as_bytes());
        Self { runtime, service, policy, good, issuer }
    }
}

/// The settings.
pub(super) fn parsed() -> Parsed {
    let text = "resources: {paths: [portal]}\n\
        provider: {allow_http: true, allow_addresses: [127.0.0.0/8]}\n";
    let base = Base {
        file: "portcullis.yaml".into(),
        folder: "/".into(),
        in_pod: false,
        now: UnixTime(0),
    };
    config::parse(text, &base).expect("settings that hold")
}

fn snapshot(parsed: &Parsed, text: &str) -> Snapshot {
    let file = FileText { name: "world.yaml".into(), text: Ok(text.to_owned()) };
    let manifests = Manifests { files: &[file], watched: &[], secrets: &[] };
    let held = Held::default();
    let (resources, found) = manifest::read(&manifests, &held);
    let input = Input {
        settings: &parsed.settings,
        places: &parsed.places,
        resources: &resources,
        last: &held,
    };
    let compiled = policy::compile(&input);
    let problems: Vec<String> =
        found.iter().chain(&compiled.problems).map(ToString::to_string).collect();
    assert_eq!(problems, [""; 0]);
    compiled.snapshot
}

async fn service(parsed: Parsed, policy: Arc<Snapshot>) -> AuthorizationService {
    portcullis::token::self_test().expect("cryptography that works");
    let clock = Clock::manual(UnixTime(NOW));
    let providers = Providers::new(&parsed.settings.provider, clock.clone()).expect("a client");
    providers.set_issuers(policy.issuers().into_iter().map(Into::into).collect());
    let looks = std::iter::repeat_n((), 1000);
    for () in looks {
        if providers.first_fetches_over() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let report = providers.report();
    assert!(report.iter().all(|issuer| issuer.keys == 1), "{report:?}");
    let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    let (_policy, policy) = watch::channel(policy);
    let (_keys, key_ring) = watch::channel(Arc::new(KeyRing::of(&key).expect("a key")));
    let metrics = Metrics::new();
    let settings = Arc::new(parsed.settings);
    let redis = None;
    let parts =
        Parts { settings, policy, key_ring, providers, redis, clock, metrics: metrics.clone() };
    AuthorizationService::new(Checker::new(parts).expect("randomness"), CheckMetrics::new(metrics))
}

/// A provider that knows two documents, in a thread of its own. Returns its issuer.
fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    let own = issuer.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let line = String::from_utf8_lossy(&request[..length]).into_owned();
            let body = if line.starts_with("GET /keys ") { jwks() } else { discovery(&own) };
            let body = body.to_string();
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            // It hangs up as it likes.
            let _sent = stream.write_all(answer.as_bytes());
        }
    });
    issuer
}

fn discovery(issuer: &str) -> Value {
    json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "code_challenge_methods_supported": ["S256"]})
}
