//! `email`: shown when it is verified, and no name of anybody.

use super::{AUDIENCE, Kinds};
use crate::support::{API, Answer, Ask, Browser, PORTAL, Setup, Ways};
use serde_json::{Value, json};

/// The answers for a caller with these claims: signed in, refreshed, as a bearer of either kind.
async fn answers(kinds: &Kinds, claims: &Value) -> Vec<Answer> {
    let (gateway, home) = (&kinds.ways.gateway, format!("{PORTAL}/home"));
    crate::support::ways::case("claims", &claims.to_string());
    let mut all = Vec::new();
    gateway.later(61);
    gateway.provider.turn(|knobs| knobs.id_token = claims.clone());
    all.push(Browser::default().visit(gateway, &home).await.1);
    gateway.later(61);
    gateway.provider.turn(|knobs| {
        knobs.id_token = json!({});
        knobs.refreshed = claims.clone();
    });
    let mut browser = Browser::signed_in(gateway, &home).await;
    gateway.later(3661);
    all.push(browser.load(gateway, &home).await);
    gateway.provider.turn(|knobs| knobs.refreshed = json!({}));
    for token in
        [gateway.provider.id_token(claims), gateway.provider.access_token(AUDIENCE, claims)]
    {
        all.push(gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await);
    }
    all
}

/// Portal of the resources, as the settings name it.
fn portal(settings: &str) -> Setup {
    let settings =
        format!("{{petstore-portal.default: {{{settings}, session: {{idle_timeout: 12h}}}}}}");
    Setup::default().setting("portals", &settings)
}

#[tokio::test]
async fn d42_an_email_counts_as_verified_by_the_boolean_true_alone() {
    let kinds = Kinds::new().await;
    let email = |verified: Value| json!({"email": "ann@example.com", "email_verified": verified});
    for answer in answers(&kinds, &email(json!(true))).await {
        assert_eq!(answer.granted().set["x-user-email"], "ann@example.com");
    }
    let unverified = [
        json!(false),
        json!("true"),
        json!("True"),
        json!(1),
        json!("1"),
        json!(null),
        json!([]),
        json!([true]),
        json!({"value": true}),
        json!("ann@example.com"),
    ];
    for verified in unverified {
        for answer in answers(&kinds, &email(verified.clone())).await {
            assert!(!answer.granted().set.contains_key("x-user-email"), "{answer:?}");
            assert!(answer.removed.contains("x-user-email"), "a client's own would pass");
            assert_eq!(answer.text("email"), "");
        }
    }
}

#[tokio::test]
async fn d42_where_a_verified_email_is_needed_nothing_but_the_boolean_true_is_enough() {
    let tokens = format!("{{audiences: ['{AUDIENCE}']}}");
    let setup = portal("require_verified_email: true").setting("tokens", &tokens);
    let gateway = crate::support::Gateway::with(setup).await;
    let verified = |verified: Value| json!({ "email_verified": verified });
    for (claims, enough) in [
        (verified(json!(true)), true),
        (verified(json!(false)), false),
        (verified(json!("true")), false),
        (verified(json!(1)), false),
        (verified(json!(null)), false),
        // Without an e-mail there is none that could be verified.
        (json!({"email": null}), false),
        (json!({"email": ""}), false),
    ] {
        gateway.later(61);
        gateway.provider.turn(|knobs| knobs.id_token = claims.clone());
        let (_, answer) = Browser::default().visit(&gateway, &format!("{PORTAL}/home")).await;
        let token = gateway.provider.id_token(&claims);
        let bearer = gateway.ask(Ask::get(&format!("{PORTAL}/home")).bearer(&token)).await;
        for answer in [answer, bearer] {
            if enough {
                answer.granted();
            } else {
                answer.refused(403, "email_unverified");
            }
        }
    }
}

#[tokio::test]
async fn d42_an_email_that_is_the_principal_has_to_be_verified() {
    let tokens = format!("{{audiences: ['{AUDIENCE}'], principal_claim: email}}");
    let setup = Setup::default().setting("tokens", &tokens);
    let kinds = Kinds { ways: Ways::with(setup).await };
    let gateway = &kinds.ways.gateway;
    for raw in ["-", "false", "\"true\"", "1", "null", "[true]"] {
        kinds.refused("email_verified", raw).await;
    }
    for raw in ["-", "null", "\"\"", "\"client:00u1\""] {
        kinds.refused_id_token("invalid_token", "email", raw).await;
    }
    let claims = json!({"email": "bob@example.com", "email_verified": true});
    for token in
        [gateway.provider.id_token(&claims), gateway.provider.access_token(AUDIENCE, &claims)]
    {
        let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        assert_eq!(answer.granted().set["x-user-id"], "bob@example.com");
    }
    gateway.later(61);
    let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/home")).await;
    let answer = browser.load(gateway, &format!("{PORTAL}/home")).await;
    assert_eq!(answer.set["x-user-id"], "ann@example.com");
}

#[tokio::test]
async fn d43_no_email_grants_anything_whatever_its_domain() {
    // There is no rule on domains that an e-mail could meet: rights come from groups alone.
    let kinds = Kinds::new().await;
    for email in [
        "a@evil@good.com",
        "\"a@good\"@evil",
        "A@GOOD",
        "a@good.com.",
        "a@xn--gd-1ia.com",
        "a@g\u{f6}d.com",
        "a@good.com\r\nx-user-groups: PetstoreUsers",
        "PetstoreUsers",
        "ann@example.com",
    ] {
        let claims = json!({"email": email, "email_verified": true, "groups": ["Everyone"]});
        for answer in answers(&kinds, &claims).await {
            answer.refused(403, "not_granted");
        }
        // It goes upstream as one header value, and is nobody's name.
        let claims = json!({"email": email, "email_verified": true});
        for answer in answers(&kinds, &claims).await {
            let sent = &answer.granted().set["x-user-email"];
            assert!(sent.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{sent}");
            assert_eq!(answer.set["x-user-id"], "00u1");
        }
    }
}

#[tokio::test]
async fn d44_two_people_with_one_email_are_two_people() {
    let kinds = Kinds::new().await;
    let gateway = &kinds.ways.gateway;
    let home = format!("{PORTAL}/home");
    let mut browsers = Vec::new();
    for sub in ["00u1", "00u2"] {
        gateway.provider.turn(|knobs| knobs.id_token = json!({"sub": sub, "sid": sub}));
        gateway.later(61);
        let mut browser = Browser::signed_in(gateway, &home).await;
        let token = gateway.provider.id_token(&json!({ "sub": sub }));
        let bearer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        for answer in [browser.load(gateway, &home).await, bearer] {
            assert_eq!(answer.granted().set["x-user-id"], sub);
            assert_eq!(answer.set["x-user-email"], "ann@example.com");
            assert_eq!(answer.text("sub"), sub);
        }
        browsers.push(browser);
    }
    // Who the address is of cannot be said, so nobody is signed out by it.
    let revocation = |body: &Value, id: &str| {
        let token = gateway.provider.revocation_token(&json!({ "jti": id }));
        Ask::post(&format!("{PORTAL}/.auth/global-token-revocation"))
            .header("content-type", "application/json")
            .bearer(&token)
            .body(&json!({ "sub_id": body }).to_string())
    };
    for (at, email) in ["ann@example.com", "ANN@example.com", "ann@example.com."].iter().enumerate()
    {
        let ask = revocation(&json!({"format": "email", "email": email}), &format!("GR.{at}"));
        let want = if at == 0 { 422 } else { 404 };
        assert_eq!(gateway.ask(ask).await.status, want, "{email}");
    }
    for browser in &mut browsers {
        browser.load(gateway, &home).await.granted();
    }
    // One of them signed out leaves the other.
    gateway.later(1);
    let subject = json!({"format": "iss_sub", "iss": gateway.provider.issuer, "sub": "00u1"});
    assert_eq!(gateway.ask(revocation(&subject, "GR.9")).await.status, 204);
    let start = format!("{}/authorize", gateway.provider.issuer);
    browsers[0].load(gateway, &home).await.sent_to(&start, "invalid_session");
    browsers[1].load(gateway, &home).await.granted();
}
