//! `/livez`, `/readyz` and `/metrics`, on a listener of their own: never where checks come in.

use crate::clock::Clock;
use crate::manifest::Watch;
use crate::policy::{Portal, Snapshot};
use crate::provider::{IssuerStatus, Providers};
use crate::replicas::Bus;
use crate::telemetry::Metrics;
use crate::time::UnixTime;
use crate::trace::SpanCounts;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// What the endpoints tell of.
#[derive(Clone, Debug)]
pub struct Admin {
    /// What is there once the first policy is.
    pub loaded: Arc<OnceLock<Loaded>>,
    /// What is followed in Kubernetes.
    pub kubernetes: Option<Watch>,
    /// Metrics.
    pub metrics: Metrics,
    /// The present.
    pub clock: Clock,
    /// What became of spans, where there are any.
    pub spans: Option<Arc<SpanCounts>>,
}

/// A policy, and the providers that it names.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Snapshot>>,
    /// Providers.
    pub providers: Providers,
    /// What replicas tell each other, where they do.
    pub bus: Option<Bus>,
}

impl Admin {
    /// The endpoints.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

/// Ready once there is a policy, the first fetch of each issuer's keys is over, well or not, and what was
/// ended before is known from Redis, if that answers: an outage of one provider takes no replica out, nor
/// does one of the API server, or of Redis. The body says what is missing.
async fn ready(State(admin): State<Admin>) -> Response {
    let kubernetes = admin.kubernetes.as_ref().map(Watch::status);
    let mut lacking = kubernetes.as_ref().map(|status| status.missing.clone()).unwrap_or_default();
    let (ready, mut body) = match admin.loaded.get() {
        Some(Loaded { policy, providers, bus }) => {
            let statuses = providers.report();
            lacking.extend(statuses.iter().filter_map(missing));
            let policy = Arc::clone(&policy.borrow());
            let body = json!({
                "portals": policy.portals.len(),
                "environments": policy.environments.len(),
                "shadow": policy.shadows(admin.clock.now()).map(shadow).collect::<Vec<_>>(),
                "issuers": statuses.iter().map(issuer).collect::<Vec<_>>(),
            });
            lacking.extend(bus.iter().filter_map(unheard));
            // Who was signed out before is known first, unless nobody could say.
            let heard = bus.as_ref().is_none_or(|bus| bus.is_loaded() || bus.is_hopeless());
            (providers.first_fetches_over() && heard, body)
        }
        None => {
            lacking.insert(0, "a policy: no resources were loaded yet".to_owned());
            (false, json!({}))
        }
    };
    if let Value::Object(members) = &mut body {
        members.insert("ready".to_owned(), json!(ready));
        members.insert("missing".to_owned(), json!(lacking));
        if let Some(status) = kubernetes {
            let seconds = json!({"contact_age_seconds": status.silent.as_secs()});
            members.insert("kubernetes".to_owned(), seconds);
        }
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

fn unheard(bus: &Bus) -> Option<String> {
    if !bus.is_up() {
        return Some("Redis cannot be reached".to_owned());
    }
    let missing = "what other replicas have ended is not known yet";
    (!bus.is_current()).then(|| missing.to_owned())
}

fn missing(status: &IssuerStatus) -> Option<String> {
    let issuer = &status.issuer;
    if !status.first_fetch_over {
        return Some(format!("the first fetch of {issuer} is under way"));
    }
    if status.keys == 0 {
        let why = status.last_error.as_deref().unwrap_or("never fetched");
        return Some(format!("keys of {issuer}: {why}"));
    }
    if status.down {
        return Some(format!("{issuer} cannot be reached; its last keys stay in force"));
    }
    let unfit = status.announces_s256 == Some(false);
    unfit.then(|| format!("logins at {issuer}: it does not announce PKCE with S256"))
}

/// A Portal that enforces nothing for now.
fn shadow((portal, until): (&Portal, UnixTime)) -> Value {
    json!({"portal": portal.name.as_str(), "until": until.to_rfc3339()})
}

fn issuer(status: &IssuerStatus) -> Value {
    json!({
        "issuer": status.issuer.as_str(),
        "keys": status.keys,
        "keys_age_seconds": status.keys_age.map(|age| age.as_secs()),
        "down": status.down,
        "last_error": status.last_error,
    })
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let mut statuses = Vec::new();
    if let Some(Loaded { policy, providers, .. }) = admin.loaded.get() {
        statuses = providers.report();
        let policy = Arc::clone(&policy.borrow());
        let shadows = policy.shadows(admin.clock.now());
        admin.metrics.shadows(shadows.map(|(portal, until)| (&portal.name, until)));
    }
    if let Some(kubernetes) = &admin.kubernetes {
        admin.metrics.kubernetes(&kubernetes.status());
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = admin.metrics.told(&statuses, admin.spans.as_deref());
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
