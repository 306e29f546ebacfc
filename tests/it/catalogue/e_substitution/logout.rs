//! Where a token of a logout is expected.

use super::{AUDIENCE, ways};
use crate::support::token::with;
use crate::support::{Ask, Browser, CLIENT, Gateway, PORTAL};
use serde_json::{Value, json};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn backchannel(token: &str) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(&format!("logout_token={token}"))
}

fn universal(gateway: &Gateway, token: &str) -> Ask {
    let subject = json!({"format": "iss_sub", "iss": gateway.provider.issuer, "sub": "00u1"});
    Ask::post(&format!("{PORTAL}/.auth/global-token-revocation"))
        .header("content-type", "application/json")
        .bearer(token)
        .body(&json!({ "sub_id": subject }).to_string())
}

/// Tokens of every other kind, some of which carry what a token of a logout has.
fn others(gateway: &Gateway) -> Vec<(&'static str, String)> {
    let provider = &gateway.provider;
    let typed = |typ: &str, claims: &Value| {
        let signer = provider.signer();
        signer.sign_as(&with(signer.header(), &json!({ "typ": typ })), claims)
    };
    let id = |changes: Value| provider.bearer_claims(&changes);
    let named = json!({"jti": "j", "sid": "session-1"});
    let login = json!({"jti": "j", "nonce": "n", "events": {EVENT: {}}});
    let access = json!({"jti": "j", "aud": CLIENT, "events": {EVENT: {}}});
    vec![
        ("ID token", provider.id_token(&json!({}))),
        ("ID token with jti and sid", provider.id_token(&named)),
        ("ID token of a login that has the event", provider.id_token(&login)),
        ("ID token with an empty event", provider.id_token(&json!({"jti": "j", "events": {}}))),
        ("ID token that says it is a logout token", typed("logout+jwt", &id(named.clone()))),
        ("ID token that says it is a JWT", typed("JWT", &id(named))),
        ("access token", provider.access_token(AUDIENCE, &json!({}))),
        ("access token for the client", provider.access_token(CLIENT, &json!({}))),
        ("access token that has the event", provider.access_token(CLIENT, &access)),
        (
            "an access token's type",
            typed("at+jwt", &id(json!({"jti": "j", "events": {EVENT: {}}}))),
        ),
    ]
}

#[tokio::test]
async fn e05_no_other_token_ends_sessions_by_the_back_channel() {
    let ways = ways().await;
    let gateway = &ways.gateway;
    let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/home")).await;
    let revocation =
        ("universal logout's", gateway.provider.revocation_token(&json!({"aud": CLIENT})));
    for (what, token) in others(gateway).into_iter().chain([revocation]) {
        crate::support::ways::case("refused", what);
        let answer = gateway.ask(backchannel(&token)).await;
        assert_eq!((answer.status, answer.reason()), (400, "endpoint"), "{what}");
        browser.load(gateway, &format!("{PORTAL}/home")).await.granted();
    }
    let token = gateway.provider.logout_token(&json!({}));
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 200);
    let answer = browser.load(gateway, &format!("{PORTAL}/home")).await;
    answer.sent_to(&gateway.provider.issuer, "invalid_session");
}

#[tokio::test]
async fn e05_no_other_token_authorizes_universal_logout() {
    let ways = ways().await;
    let gateway = &ways.gateway;
    let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/home")).await;
    let endpoint = format!("{PORTAL}/.auth/global-token-revocation");
    let logout = ("logout token", gateway.provider.logout_token(&json!({"aud": endpoint})));
    let untyped = {
        let now = gateway.clock.now().0;
        let claims = json!({"iss": gateway.provider.issuer, "sub": CLIENT, "aud": endpoint, "iat": now,
            "nbf": now, "exp": now + 300, "jti": "GR.2"});
        ("one without its type", gateway.provider.signer().sign(&claims))
    };
    for (what, token) in others(gateway).into_iter().chain([logout, untyped]) {
        crate::support::ways::case("refused", what);
        gateway.ask(universal(gateway, &token)).await.refused(401, "invalid_token");
        browser.load(gateway, &format!("{PORTAL}/home")).await.granted();
    }
    gateway.later(1);
    let token = gateway.provider.revocation_token(&json!({}));
    assert_eq!(gateway.ask(universal(gateway, &token)).await.status, 204);
    let answer = browser.load(gateway, &format!("{PORTAL}/home")).await;
    answer.sent_to(&gateway.provider.issuer, "invalid_session");
}
