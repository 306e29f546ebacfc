//! Where a provider may have us go.

use super::{bearer, issuer};
use crate::support::{Ask, Gateway, PORTAL, Provider, Setup, eventually};
use axum::body::Body;
use axum::response::Response;
use portcullis::clock::Clock;
use portcullis::time::UnixTime;
use serde_json::{Value, json};
use std::sync::Arc;

/// A service that meets its provider's metadata for the first time, changed like this.
async fn meeting(setup: Setup, discovery: Value) -> Gateway {
    let clock = Clock::manual(UnixTime(crate::support::NOW));
    let provider = Provider::start(clock.clone()).await;
    provider.turn(|knobs| knobs.discovery = discovery);
    Gateway::beside(Arc::new(provider), clock, setup).await
}

/// No login, no token by it; the replica stays ready and says why.
async fn refused(gateway: &Gateway, what: &str) {
    let home = gateway.ask(Ask::get(&format!("{PORTAL}/home")).navigate()).await;
    assert_eq!((home.status, home.reason()), (503, "provider_unavailable"), "{what}");
    let token = gateway.provider.id_token(&json!({}));
    let answer = bearer(gateway, &token).await;
    assert_eq!((answer.status, answer.reason()), (503, "keys_unavailable"), "{what}");
    let (status, ready) = gateway.admin("/readyz").await;
    assert!(status == 200 && ready.contains(&gateway.provider.issuer), "{what}: {ready}");
    assert_eq!(gateway.provider.calls("/keys", ""), 0, "{what}");
}

#[tokio::test]
async fn f06_no_redirect_of_discovery_or_keys_is_followed() {
    let trap = Provider::start(Clock::manual(UnixTime(crate::support::NOW))).await;
    for path in ["/.well-known/openid-configuration", "/keys"] {
        for status in [301, 302, 303, 307, 308] {
            for to in [
                format!("{}{path}", trap.issuer),
                "http://169.254.169.254/latest/meta-data/".to_owned(),
                "/oauth2/default/elsewhere".to_owned(),
            ] {
                let gateway = Gateway::new().await;
                let location = to.clone();
                let answer = move || {
                    let response = Response::builder().status(status);
                    response.header("location", &location).body(Body::empty()).expect("a response")
                };
                gateway.provider.turn(|knobs| {
                    knobs.raw.insert(path.to_owned(), Arc::new(answer));
                });
                let issuer = issuer(&gateway);
                assert!(gateway.providers.refresh_keys(&issuer).await.is_err(), "{status} {to}");
                assert_eq!(gateway.provider.calls("/elsewhere", ""), 0, "{status}");
                bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
            }
        }
    }
    assert_eq!(trap.calls("/keys", "") + trap.calls("/.well-known/openid-configuration", ""), 0);
}

#[tokio::test]
async fn f07_f09_endpoints_elsewhere_are_refused_unless_they_are_listed() {
    let trap = Provider::start(Clock::manual(UnixTime(crate::support::NOW))).await;
    let elsewhere = [
        format!("{}/x", trap.issuer),
        "https://evil.example/x".to_owned(),
        "https://localhost/x".to_owned(),
        "http://localhost:1/x".to_owned(),
        "http://127.0.0.1:22/x".to_owned(),
        "http://127.0.0.2/x".to_owned(),
        "http://169.254.169.254/x".to_owned(),
        "http://[::1]/x".to_owned(),
        "http://ann:secret@127.0.0.1/x".to_owned(),
        "http://ann@127.0.0.1/x".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/x".to_owned(),
        "/x".to_owned(),
        String::new(),
    ];
    for endpoint in ["jwks_uri", "token_endpoint", "authorization_endpoint", "end_session_endpoint"]
    {
        for url in &elsewhere {
            let gateway = meeting(Setup::default(), json!({endpoint: url})).await;
            refused(&gateway, &format!("{endpoint} {url}")).await;
        }
    }
    assert_eq!(trap.calls("/x", ""), 0);
    // The guard: a host that the settings list is good.
    let listed = "{allow_http: true, allow_addresses: [127.0.0.0/8], extra_hosts: [login.example]}";
    let setup = Setup::default().setting("provider", listed);
    let login = json!({"authorization_endpoint": "https://login.example/authorize"});
    let gateway = meeting(setup, login.clone()).await;
    let home = gateway.ask(Ask::get(&format!("{PORTAL}/home")).navigate()).await;
    home.sent_to("https://login.example/authorize?", "no_credentials");
    refused(&meeting(Setup::default(), login).await, "not listed").await;
    // On a port of its own, the port has to be listed with it.
    let port =
        trap.issuer.split(':').nth(2).and_then(|rest| rest.split('/').next()).expect("a port");
    let keys = json!({"jwks_uri": format!("{}/keys", trap.issuer)});
    for (listed, good) in [(format!("'127.0.0.1:{port}'"), true), ("127.0.0.1".to_owned(), false)] {
        let settings = format!(
            "{{allow_http: true, allow_addresses: [127.0.0.0/8], extra_hosts: [{listed}]}}"
        );
        let setup = Setup::default().setting("provider", &settings);
        let gateway = meeting(setup, keys.clone()).await;
        assert_eq!(gateway.providers.report()[0].keys, usize::from(good), "{listed}");
    }
}

#[tokio::test]
async fn f07_http_and_private_addresses_count_only_where_settings_allow_them() {
    for settings in [
        "{allow_http: true}",
        "{allow_http: true, allow_addresses: [10.0.0.0/8]}",
        "{allow_http: true, allow_addresses: ['::1']}",
    ] {
        let gateway = Gateway::with(Setup::default().setting("provider", settings)).await;
        refused(&gateway, settings).await;
        assert_eq!(gateway.provider.calls("/.well-known/openid-configuration", ""), 0);
    }
}

#[tokio::test]
async fn f08_a_document_of_another_issuer_is_refused_and_the_replica_stays_ready() {
    let own = meeting(Setup::default(), json!({})).await.provider.issuer.clone();
    let port = own.split(':').nth(2).and_then(|rest| rest.split('/').next()).expect("a port");
    for changed in
        ["{ISSUER}/", "{HOST}", "{HOST}/oauth2/other", "{HOST}/OAUTH2/default", "https:", ""]
    {
        let clock = Clock::manual(UnixTime(crate::support::NOW));
        let provider = Provider::start(clock.clone()).await;
        let host = provider.issuer.trim_end_matches("/oauth2/default");
        let other = changed.replace("{ISSUER}", &provider.issuer).replace("{HOST}", host);
        provider.turn(|knobs| knobs.discovery = json!({"issuer": other}));
        let gateway = Gateway::beside(Arc::new(provider), clock, Setup::default()).await;
        refused(&gateway, changed).await;
        assert!(gateway.admin("/readyz").await.1.contains("another issuer"));
    }
    for other in [
        json!(null),
        json!(5),
        json!([own]),
        json!(format!("http://127.0.0.1:{port}0/oauth2/default")),
        json!("http://localhost/oauth2/default"),
    ] {
        refused(&meeting(Setup::default(), json!({"issuer": other})).await, &other.to_string())
            .await;
    }
}

#[tokio::test]
async fn f08_a_document_that_turns_into_another_issuer_s_changes_nothing_that_is_known() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.discovery = json!({"issuer": "https://evil.example"}));
    assert!(gateway.providers.refresh_keys(&issuer(&gateway)).await.is_err());
    bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
    gateway.provider.turn(|knobs| knobs.discovery = json!({}));
    gateway.providers.refresh_keys(&issuer(&gateway)).await.expect("fetched");
    eventually(|| gateway.providers.report()[0].last_error.is_none()).await;
}
