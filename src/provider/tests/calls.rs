//! Calls on behalf of one caller.

use super::fake::{Fake, NOW, Reply, eventually};
use crate::config::ClientAuthentication;
use crate::provider::{CodeGrant, Providers, RelyingParty, TokenEndpointError, TokenResponse};
use crate::secret::Secret;
use crate::token::Algorithm;
use crate::token::fixtures::{ec, rsa};
use axum::http::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

async fn fake() -> Fake {
    let fake = Fake::start(&[ec("a", Algorithm::Es256).jwk()]).await;
    fake.on(
        "/token",
        Reply::text("{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"id_token\":\"i\"}"),
    );
    fake
}

async fn exchange(
    providers: &Providers,
    fake: &Fake,
    authentication: ClientAuthentication,
    client_secret: &Secret<String>,
) -> Result<TokenResponse, TokenEndpointError> {
    let client = RelyingParty { client_id: "c:1", client_secret, authentication };
    let (code, code_verifier) = (secret("co&de"), secret("verifier"));
    let redirect_uri = "https://portal.example.com/callback";
    let grant = CodeGrant { code: &code, code_verifier: &code_verifier, redirect_uri };
    providers.exchange_code(&fake.issuer, &client, &grant).await
}

#[tokio::test]
async fn exchanges_a_code() {
    let fake = fake().await;
    let (providers, _) = fake.known().await;
    let basic = exchange(&providers, &fake, ClientAuthentication::Basic, &secret("s")).await;
    assert_eq!(basic.expect("tokens").access_token.expose(), "a");
    let sent = &fake.seen("/token")[0];
    assert_eq!(sent.method, Method::POST);
    assert_eq!(sent.authorization.as_deref(), Some("Basic YyUzQTE6cw=="));
    let form = "grant_type=authorization_code&code=co%26de\
        &redirect_uri=https%3A%2F%2Fportal.example.com%2Fcallback&code_verifier=verifier";
    assert_eq!(sent.body, form);

    let key = Secret::new(rsa().pem());
    let signed = exchange(&providers, &fake, ClientAuthentication::PrivateKeyJwt, &key).await;
    assert!(signed.is_ok());
    let sent = &fake.seen("/token")[1];
    assert!(sent.authorization.is_none() && sent.body.contains("&client_assertion=ey"));
    let unsigned =
        exchange(&providers, &fake, ClientAuthentication::PrivateKeyJwt, &secret("s")).await;
    assert!(matches!(unsigned, Err(TokenEndpointError::Assertion(_))));
    assert_eq!(fake.count("/token"), 2);
}

#[tokio::test]
async fn refreshes_and_takes_back() {
    let fake = fake().await;
    let (providers, _) = fake.known().await;
    let client_secret = secret("s");
    let client = RelyingParty {
        client_id: "c",
        client_secret: &client_secret,
        authentication: ClientAuthentication::Post,
    };
    let scopes = ["openid".to_owned(), "offline_access".to_owned()];
    let fresh = providers.refresh(&fake.issuer, &client, &secret("r"), &scopes).await;
    assert_eq!(fresh.expect("tokens").id_token.expect("one").expose(), "i");
    let form = "grant_type=refresh_token&refresh_token=r&scope=openid+offline_access\
        &client_id=c&client_secret=s";
    assert_eq!(fake.seen("/token")[0].body, form);
    fake.on("/revoke", Reply::status(200));
    assert_eq!(providers.revoke(&fake.issuer, &client, &secret("r")).await, Ok(()));
    let form = "token=r&token_type_hint=refresh_token&client_id=c&client_secret=s";
    assert_eq!(fake.seen("/revoke")[0].body, form);
}

#[tokio::test]
async fn sorts_refusals_and_outages_and_never_tries_twice() {
    let fake = fake().await;
    let (providers, _) = fake.known().await;
    let refused = |error| TokenEndpointError::Refused { error };
    let busy = |status: u16, seconds: Option<u64>| TokenEndpointError::Unavailable {
        reason: format!("status {status}"),
        retry_after: seconds.map(Duration::from_secs),
        lost: status != 429 && seconds.is_none(),
    };
    let error = |status, body: &str| Reply { status, ..Reply::text(body) };
    let reset = (NOW.0 + 7).to_string();
    let cases = [
        (
            error(400, "{\"error\":\"invalid_grant\",\"error_description\":\"x\"}"),
            refused("invalid_grant"),
        ),
        (error(401, "{\"error\":\"invalid_client\"}"), refused("invalid_client")),
        (error(400, "{\"error\":\"<script>\"}"), refused("other")),
        (error(400, "{\"error\":\"invalid_grant\",\"error\":\"invalid_grant\"}"), refused("other")),
        (error(403, "<html>"), refused("other")),
        (Reply::status(429).header("x-rate-limit-reset", &reset), busy(429, Some(7))),
        (Reply::status(429).header("retry-after", "9"), busy(429, Some(9))),
        (Reply::status(500), busy(500, None)),
        (Reply::status(503), busy(503, None)),
        (Reply::status(404), TokenEndpointError::Malformed("status")),
        (Reply::status(302).header("location", "/token"), TokenEndpointError::Malformed("status")),
        (Reply::text("<html>"), TokenEndpointError::Malformed("no JSON object")),
    ];
    for (at, (reply, want)) in cases.into_iter().enumerate() {
        fake.on("/token", reply);
        let got = exchange(&providers, &fake, ClientAuthentication::Basic, &secret("s")).await;
        assert_eq!(got.err(), Some(want), "{at}");
        assert_eq!(fake.count("/token"), at + 1);
    }
}

#[tokio::test]
async fn counts_calls_as_signs_of_life() {
    let fake = fake().await;
    let (providers, clock) = fake.known().await;
    fake.on("/token", Reply::status(500));
    fake.on("/keys", Reply::status(500));
    clock.advance(Duration::from_secs(60));
    assert!(!providers.is_down(&fake.issuer));
    let fetched = fake.count("/keys");
    // Anybody can bring codes: what becomes of them says nothing, but has the keys fetched, to find out.
    assert!(exchange(&providers, &fake, ClientAuthentication::Basic, &secret("s")).await.is_err());
    eventually(|| fake.count("/keys") > fetched && providers.is_down(&fake.issuer)).await;
    let hidden = secret("s");
    let client = RelyingParty {
        client_id: "petstore",
        client_secret: &hidden,
        authentication: ClientAuthentication::Basic,
    };
    let refreshed = providers.refresh(&fake.issuer, &client, &secret("r"), &[]).await;
    assert!(refreshed.is_err() && providers.is_failing(&fake.issuer));
    fake.on("/token", Reply { status: 400, ..Reply::text("{\"error\":\"invalid_grant\"}") });
    assert!(exchange(&providers, &fake, ClientAuthentication::Basic, &secret("s")).await.is_err());
    assert!(!providers.is_down(&fake.issuer));
}

#[tokio::test]
async fn makes_ten_calls_at_a_time() {
    let fake = fake().await;
    let (providers, _) = fake.known().await;
    let gate = Arc::new(Semaphore::new(0));
    fake.on("/token", Reply { gate: Some(Arc::clone(&gate)), ..Reply::text("{}") });
    let client_secret = secret("s");
    let calls =
        (0..25).map(|_| exchange(&providers, &fake, ClientAuthentication::Basic, &client_secret));
    let release = async {
        eventually(|| fake.count("/token") == 10).await;
        // The next ten need a call to end.
        gate.add_permits(25);
    };
    let (calls, ()) = tokio::join!(futures_util::future::join_all(calls), release);
    assert_eq!((calls.len(), fake.count("/token")), (25, 25));
}

#[tokio::test]
async fn has_no_calls_before_the_provider_was_heard() {
    let fake = fake().await;
    fake.on(super::fake::DISCOVERY, Reply::status(500));
    let (providers, _) = fake.known().await;
    let early = exchange(&providers, &fake, ClientAuthentication::Basic, &secret("s")).await;
    assert!(early.is_err_and(|error| error.is_outage()));
    assert_eq!(fake.count("/token"), 0);
}

#[tokio::test]
async fn asks_who_somebody_is() {
    let fake = fake().await;
    let (providers, _) = fake.known().await;
    fake.on("/userinfo", Reply::json(&json!({"sub": "00u1", "groups": ["a"]})));
    let claims = providers.userinfo(&fake.issuer, &secret("at")).await.expect("claims");
    assert_eq!(claims["groups"], json!(["a"]));
    assert_eq!(fake.seen("/userinfo")[0].authorization.as_deref(), Some("Bearer at"));
    let jwt = Reply {
        headers: vec![("content-type", "application/jwt".to_owned())],
        ..Reply::text("{}")
    };
    let cases = [
        (jwt, TokenEndpointError::Malformed("content-type")),
        (Reply::text("[]"), TokenEndpointError::Malformed("no JSON object")),
        (
            Reply::text("{\"sub\":\"a\",\"sub\":\"b\"}"),
            TokenEndpointError::Malformed("no JSON object"),
        ),
        (Reply::status(401), TokenEndpointError::Refused { error: "other" }),
    ];
    for (reply, want) in cases {
        fake.on("/userinfo", reply);
        assert_eq!(providers.userinfo(&fake.issuer, &secret("at")).await.err(), Some(want));
    }
}
