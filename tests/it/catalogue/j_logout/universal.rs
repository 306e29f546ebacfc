//! Okta's Universal Logout (Global Token Revocation; subjects by RFC 9493).

use super::{STORES, both, out, still_in, universal};
use crate::support::token::{Signer, with};
use crate::support::{API, Ask, CLIENT, Gateway, PORTAL, Setup};
use serde_json::{Value, json};

fn iss_sub(gateway: &Gateway, subject: &str) -> Value {
    json!({"sub_id": {"format": "iss_sub", "iss": gateway.provider.issuer, "sub": subject}})
}

fn email(email: &str) -> Value {
    json!({"sub_id": {"format": "email", "email": email}})
}

/// The status of a request with this body and a token that holds.
async fn status(gateway: &Gateway, jti: &str, body: &Value) -> u16 {
    let token = gateway.provider.revocation_token(&json!({ "jti": jti }));
    let answer = gateway.ask(universal(&token, body)).await;
    assert_eq!(answer.reason(), "endpoint", "{body}");
    answer.status
}

#[tokio::test]
async fn j22_a_token_that_does_not_hold_authorizes_nothing() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let body = iss_sub(&gateway, "00u1");
    let now = gateway.clock.now().0;
    let endpoint = format!("{PORTAL}/.auth/global-token-revocation");
    let cases = [
        json!({"aud": "other"}),
        json!({"aud": CLIENT}),
        json!({"aud": null}),
        json!({"aud": PORTAL}),
        json!({"aud": format!("{endpoint}?a=b")}),
        json!({"aud": format!("{endpoint}/")}),
        json!({"aud": format!("{API}/.auth/global-token-revocation")}),
        json!({"aud": [endpoint, "other"]}),
        json!({"sub": "other"}),
        json!({"sub": null}),
        json!({"sub": "00u1"}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": null}),
        json!({"exp": null}),
        json!({"exp": now - 60}),
        json!({"exp": now + 86_400}),
        json!({"nbf": null}),
        json!({"nbf": now + 61}),
        json!({"nbf": "now"}),
        json!({"iat": null}),
        json!({"iat": now + 61}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"nonce": "n"}),
        json!({"events": {}}),
    ];
    for changes in cases {
        let token = gateway.provider.revocation_token(&changes);
        let answer = gateway.ask(universal(&token, &body)).await;
        assert_eq!((answer.status, answer.reason()), (401, "invalid_token"), "{changes}");
    }
    let claims = json!({"iss": gateway.provider.issuer, "sub": CLIENT, "iat": now, "nbf": now, "exp": now + 300,
        "aud": endpoint, "jti": "GR.1"});
    let signer = gateway.provider.signer();
    for typ in [
        json!(null),
        json!("JWT"),
        json!("at+jwt"),
        json!("logout+jwt"),
        json!("global-token-revocation"),
    ] {
        let token = signer.sign_as(&with(signer.header(), &json!({ "typ": typ })), &claims);
        gateway.ask(universal(&token, &body)).await.refused(401, "invalid_token");
    }
    let stranger = Signer::new("key-1");
    let header = with(stranger.header(), &json!({"typ": "global-token-revocation+jwt"}));
    let id_token = gateway.provider.id_token(&json!({}));
    for token in [stranger.sign_as(&header, &claims), id_token, "x".to_owned()] {
        gateway.ask(universal(&token, &body)).await.refused(401, "invalid_token");
    }
    let good = gateway.provider.revocation_token(&json!({}));
    let ask = || universal(&good, &body);
    for value in [
        String::new(),
        "Bearer".to_owned(),
        format!("Bearer {good},Bearer {good}"),
        format!("Basic {good}"),
    ] {
        let answer = gateway.ask(ask().header("authorization", &value)).await;
        answer.refused(401, "invalid_token");
    }
    gateway.ask(ask().header("api-key", "k")).await.refused(401, "invalid_token");
    still_in(&gateway, &browser).await;
    gateway.later(1);
    assert_eq!(gateway.ask(ask()).await.status, 204);
    // A replay, also at its end.
    for wait in [0, 299, 59] {
        gateway.later(wait);
        gateway.ask(ask()).await.refused(401, "invalid_token");
    }
    out(&gateway, &browser).await;
    let get = Ask::get(&format!("{PORTAL}/.auth/global-token-revocation")).bearer(&good);
    assert_eq!(gateway.ask(get).await.status, 405);
}

#[tokio::test]
async fn j23_a_body_that_names_nobody_in_one_clear_way_is_malformed() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    gateway.later(1);
    let issuer = gateway.provider.issuer.clone();
    let good = format!(r#"{{"format":"iss_sub","iss":"{issuer}","sub":"00u1"}}"#);
    let mail = r#"{"format":"email","email":"ann@example.com"}"#;
    let bodies = [
        // Every other format of RFC 9493, and some that it does not have.
        r#"{"sub_id":{"format":"account","uri":"acct:ann@example.com"}}"#.to_owned(),
        r#"{"sub_id":{"format":"opaque","id":"00u1"}}"#.to_owned(),
        r#"{"sub_id":{"format":"phone_number","phone_number":"+12065550100"}}"#.to_owned(),
        r#"{"sub_id":{"format":"did","url":"did:example:123456"}}"#.to_owned(),
        r#"{"sub_id":{"format":"uri","uri":"https://example.com/ann"}}"#.to_owned(),
        format!(r#"{{"sub_id":{{"format":"aliases","identifiers":[{good}]}}}}"#),
        r#"{"sub_id":{"format":"EMAIL","email":"ann@example.com"}}"#.to_owned(),
        r#"{"sub_id":{"format":"user","id":"00u1"}}"#.to_owned(),
        r#"{"sub_id":{"email":"ann@example.com"}}"#.to_owned(),
        r#"{"sub_id":{"format":["email"],"email":"ann@example.com"}}"#.to_owned(),
        // Two, or of two formats at once.
        format!(r#"{{"sub_id":{good},"sub_id":{good}}}"#),
        format!(r#"{{"sub_id":{mail},"sub_i\u0064":{good}}}"#),
        format!(r#"{{"sub_id":[{good}]}}"#),
        format!(r#"{{"sub_id":[{good},{mail}]}}"#),
        format!(
            r#"{{"sub_id":{{"format":"email","email":"ann@example.com","iss":"{issuer}","sub":"00u1"}}}}"#
        ),
        r#"{"sub_id":{"format":"email","email":"ann@example.com","email":"bob@example.com"}}"#
            .to_owned(),
        format!(
            r#"{{"sub_id":{{"format":"iss_sub","iss":"{issuer}","sub":"00u1","email":"ann@example.com"}}}}"#
        ),
        // Not all of it, or not text.
        r#"{"sub_id":{"format":"email"}}"#.to_owned(),
        r#"{"sub_id":{"format":"email","email":""}}"#.to_owned(),
        r#"{"sub_id":{"format":"email","email":1}}"#.to_owned(),
        format!(r#"{{"sub_id":{{"format":"iss_sub","iss":"{issuer}"}}}}"#),
        r#"{"sub_id":{"format":"iss_sub","sub":"00u1"}}"#.to_owned(),
        format!(r#"{{"sub_id":{{"format":"iss_sub","iss":"{issuer}","sub":null}}}}"#),
        // No object at all.
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "{".to_owned(),
        r#"{"sub_id":"ann@example.com"}"#.to_owned(),
        r#"{"sub_id":null}"#.to_owned(),
        format!(r#"{{"SUB_ID":{good}}}"#),
        format!(r#"{{"subject":{good}}}"#),
        format!(r#"{{"sub_id":{good}}}x"#),
        format!("\u{feff}{{\"sub_id\":{good}}}"),
        "sub_id=ann@example.com".to_owned(),
    ];
    for (at, body) in bodies.iter().enumerate() {
        let token = gateway.provider.revocation_token(&json!({"jti": format!("GR.{at}")}));
        let answer = gateway.ask(universal(&token, &json!({})).body(body)).await;
        assert_eq!((answer.status, answer.reason()), (400, "endpoint"), "{body}");
    }
    still_in(&gateway, &browser).await;
    let token = gateway.provider.revocation_token(&json!({"jti": "GR.good"}));
    let ask = universal(&token, &json!({})).body(&format!(r#"{{"sub_id":{good}}}"#));
    assert_eq!(gateway.ask(ask).await.status, 204);
}

/// Who was not seen has no session that this process knows of, and that is what the answer says; the
/// sessions that it does not know of end all the same, where the subject is named.
#[tokio::test]
async fn j24_somebody_unknown_is_not_found() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    assert_eq!(status(&gateway, "GR.1", &email("nobody@example.com")).await, 404);
    assert_eq!(status(&gateway, "GR.2", &iss_sub(&gateway, "00u9")).await, 404);
    let elsewhere =
        json!({"sub_id": {"format": "iss_sub", "iss": "https://other.example", "sub": "00u1"}});
    assert_eq!(status(&gateway, "GR.3", &elsewhere).await, 404);
    still_in(&gateway, &browser).await;
    // After a restart a sealed session goes on, and nobody knows of it until it comes.
    let gateway = gateway.restarted(Setup::default()).await;
    gateway.later(1);
    assert_eq!(status(&gateway, "GR.4", &email("ann@example.com")).await, 404);
    still_in(&gateway, &browser).await;
    let gateway = gateway.restarted(Setup::default()).await;
    assert_eq!(status(&gateway, "GR.5", &iss_sub(&gateway, "00u1")).await, 404);
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn j25_every_session_of_the_user_is_over_and_nobody_else_s() {
    for store in STORES {
        for by_email in [false, true] {
            let gateway = Gateway::with(store(Setup::default())).await;
            let browser = both(&gateway).await;
            gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
            let other_device = both(&gateway).await;
            let token = gateway.provider.id_token(&json!({"sid": "session-4"}));
            let bearer = || gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token));
            bearer().await.granted();
            gateway.provider.turn(|knobs| {
                knobs.id_token =
                    json!({"sub": "00u2", "sid": "session-3", "email": "bob@example.com"});
            });
            let somebody_else = both(&gateway).await;
            gateway.later(1);
            let body = if by_email { email("ann@example.com") } else { iss_sub(&gateway, "00u1") };
            assert_eq!(status(&gateway, "GR.1", &body).await, 204);
            out(&gateway, &browser).await;
            out(&gateway, &other_device).await;
            bearer().await.refused(401, "invalid_token");
            still_in(&gateway, &somebody_else).await;
            gateway.later(1);
            gateway.provider.turn(|knobs| knobs.id_token = json!({}));
            still_in(&gateway, &both(&gateway).await).await;
        }
    }
}

#[tokio::test]
async fn j25_a_sealed_session_that_came_once_since_the_restart_is_known_by_its_e_mail() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let gateway = gateway.restarted(Setup::default()).await;
    still_in(&gateway, &browser).await;
    gateway.later(1);
    assert_eq!(status(&gateway, "GR.1", &email("ann@example.com")).await, 204);
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn j26_an_e_mail_names_one_user_who_has_it_verified_or_nobody() {
    let gateway = Gateway::new().await;
    let ann = both(&gateway).await;
    let person = |sub: &str, email: &str, verified: Value| json!({"sub": sub, "email": email, "email_verified": verified, "groups": ["PetstoreUsers"], "sid": sub});
    let people = [
        ("00u2", "bob@example.com", json!(false)),
        ("00u3", "cid@example.com", json!("true")),
        ("00u4", "two@example.com", json!(true)),
        ("00u5", "two@example.com", json!(true)),
        ("00u6", "eve@example.com", json!(true)),
        ("00u7", "eve@example.com", json!(false)),
    ];
    let mut browsers = Vec::new();
    for (sub, email, verified) in people {
        gateway.provider.turn(|knobs| knobs.person = person(sub, email, verified));
        browsers.push(both(&gateway).await);
    }
    gateway.later(1);
    let cases = [
        ("ANN@example.com", 404),
        ("ann@Example.com", 404),
        ("ann@example.com ", 404),
        ("ann@example.com.", 404),
        ("ann", 404),
        ("bob@example.com", 404),
        ("cid@example.com", 404),
        ("two@example.com", 422),
    ];
    for (address, want) in cases {
        assert_eq!(status(&gateway, address, &email(address)).await, want, "{address}");
    }
    for browser in browsers.iter().chain([&ann]) {
        still_in(&gateway, browser).await;
    }
    // Somebody else's unverified claim to an address takes it from nobody.
    assert_eq!(status(&gateway, "GR.1", &email("eve@example.com")).await, 204);
    out(&gateway, &browsers[4]).await;
    still_in(&gateway, &browsers[5]).await;
    // Who changed the address is not found by the old one.
    gateway.provider.turn(|knobs| knobs.person = person("00u1", "new@example.com", json!(true)));
    let ann = both(&gateway).await;
    gateway.later(1);
    assert_eq!(status(&gateway, "GR.2", &email("ann@example.com")).await, 404);
    still_in(&gateway, &ann).await;
    assert_eq!(status(&gateway, "GR.3", &email("new@example.com")).await, 204);
    out(&gateway, &ann).await;
}
