//! The provider's notice (OpenID Connect Back-Channel Logout 1.0).

use super::{STORES, backchannel, both, out, still_in};
use crate::support::token::{Signer, with};
use crate::support::{API, Ask, CLIENT, Gateway, PORTAL, Setup};
use serde_json::{Value, json};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token with these changes is refused, and ends nothing.
async fn refused(gateway: &Gateway, what: &str, changes: &Value) {
    let token = gateway.provider.logout_token(changes);
    let answer = gateway.ask(backchannel(&token)).await;
    assert_eq!((answer.status, answer.reason()), (400, "endpoint"), "{what}");
    answer.refused(400, "endpoint");
}

/// One with these changes, and an id of its own, is taken.
async fn taken(gateway: &Gateway, jti: &str, changes: &Value) {
    let changes = with(changes.clone(), &json!({ "jti": jti }));
    let answer = gateway.ask(backchannel(&gateway.provider.logout_token(&changes))).await;
    assert_eq!(
        (answer.status, answer.reason(), answer.body.as_str()),
        (200, "endpoint", ""),
        "{jti}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn j07_by_session_id_ends_that_session_on_every_host_and_no_other() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let browser = both(&gateway).await;
        gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
        let other_device = both(&gateway).await;
        taken(&gateway, "LO.0", &json!({"sid": "session-9", "sub": null})).await;
        still_in(&gateway, &browser).await;
        taken(&gateway, "LO.1", &json!({"sub": null})).await;
        out(&gateway, &browser).await;
        still_in(&gateway, &other_device).await;
        // Both said: that session, and not all of the person.
        taken(&gateway, "LO.2", &json!({"sid": "session-9"})).await;
        still_in(&gateway, &other_device).await;
        taken(&gateway, "LO.3", &json!({"sid": "session-2"})).await;
        out(&gateway, &other_device).await;
    }
}

#[tokio::test]
async fn j07_by_subject_ends_all_sessions_of_a_person_that_began_before() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let one = both(&gateway).await;
        gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
        let two = both(&gateway).await;
        gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": null}));
        let three = both(&gateway).await;
        gateway.provider.turn(|knobs| knobs.id_token = json!({"sub": "00u2", "sid": "session-3"}));
        let somebody_else = both(&gateway).await;
        gateway.later(1);
        taken(&gateway, "LO.1", &json!({"sid": null})).await;
        for browser in [&one, &two, &three] {
            out(&gateway, browser).await;
        }
        still_in(&gateway, &somebody_else).await;
        gateway.later(1);
        gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
        let after = both(&gateway).await;
        still_in(&gateway, &after).await;
        out(&gateway, &two).await;
    }
}

#[tokio::test]
async fn j10_without_the_event_it_is_no_logout_token() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let events = [
        json!(null),
        json!({}),
        json!([]),
        json!([EVENT]),
        json!(EVENT),
        json!({"x": {}}),
        json!({EVENT: true}),
        json!({EVENT: "{}"}),
        json!({EVENT: []}),
        json!({EVENT: null}),
        json!({EVENT: 1}),
        json!({"http://schemas.openid.net/event/backchannel-logout/": {}}),
        json!({"HTTP://schemas.openid.net/event/backchannel-logout": {}}),
        json!({"https://schemas.openid.net/event/backchannel-logout": {}}),
        json!({"http://schemas.openid.net/event/frontchannel-logout": {}}),
    ];
    for events in events {
        refused(&gateway, &events.to_string(), &json!({ "events": events })).await;
    }
    still_in(&gateway, &browser).await;
    // Beside another event it counts, whatever the object holds.
    taken(&gateway, "LO.2", &json!({"events": {"x": {}, EVENT: {"a": 1}}})).await;
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn j11_a_nonce_makes_it_an_id_token() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    for nonce in [json!("n"), json!(""), json!(1), json!(false)] {
        refused(&gateway, &nonce.to_string(), &json!({ "nonce": nonce })).await;
    }
    for claim in ["at_hash", "c_hash", "scp", "cid", "cnf"] {
        refused(&gateway, claim, &json!({ claim: "x" })).await;
    }
    // An ID token, as a logout token (E05 has it as well).
    let token = gateway.provider.id_token(&json!({"jti": "x"}));
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 400);
    still_in(&gateway, &browser).await;
    taken(&gateway, "LO.1", &json!({})).await;
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn j13_its_times_are_there_and_hold() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let now = gateway.clock.now().0;
    let cases = [
        ("no iat", json!({"iat": null})),
        ("iat of the future", json!({"iat": now + 61, "exp": now + 120})),
        ("iat a string", json!({"iat": now.to_string()})),
        ("iat older than five minutes", json!({"iat": now - 301, "exp": now + 60})),
        ("iat much older", json!({"iat": now - 86_400, "exp": now + 60})),
        ("no exp", json!({"exp": null})),
        ("exp past", json!({"iat": now - 100, "exp": now - 60})),
        ("exp a string", json!({"exp": (now + 60).to_string()})),
        ("exp far away", json!({"exp": now + 86_400})),
        ("exp never", json!({"exp": u64::MAX})),
        ("nbf of the future", json!({"nbf": now + 61})),
    ];
    for (what, changes) in cases {
        refused(&gateway, what, &changes).await;
    }
    still_in(&gateway, &browser).await;
    // At the edges it counts.
    taken(&gateway, "LO.1", &json!({"sid": "x", "iat": now - 300, "exp": now + 60})).await;
    taken(&gateway, "LO.2", &json!({"sid": "x", "iat": now + 60, "exp": now + 120})).await;
    taken(&gateway, "LO.3", &json!({"iat": now - 100, "exp": now - 59})).await;
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn j14_its_id_is_there_and_counts_once() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    for jti in [json!(null), json!(""), json!(1), json!(["LO.1"])] {
        refused(&gateway, &jti.to_string(), &json!({ "jti": jti })).await;
    }
    still_in(&gateway, &browser).await;
    let now = gateway.clock.now().0;
    let token = gateway.provider.logout_token(&json!({"exp": now + 240}));
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 200);
    out(&gateway, &browser).await;
    gateway.later(1);
    let again = both(&gateway).await;
    // A replay would end the session that began after it: here, at the other host, to the token's end.
    let elsewhere = || {
        Ask::post(&format!("{API}/.auth/backchannel-logout")).body(&format!("logout_token={token}"))
    };
    for wait in [0, 1, 120, 119, 57, 1, 1] {
        gateway.later(wait);
        for ask in [backchannel(&token), elsewhere()] {
            gateway.ask(ask).await.refused(400, "endpoint");
        }
    }
    // The same id in a token signed anew is the same notice.
    refused(&gateway, "the same id", &json!({})).await;
    still_in(&gateway, &again).await;
}

#[tokio::test]
async fn j15_its_type_is_its_own_or_none() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let signer = gateway.provider.signer();
    let now = gateway.clock.now().0;
    let claims = |jti: &str| {
        json!({"iss": gateway.provider.issuer, "aud": CLIENT, "sid": "session-1", "iat": now,
            "exp": now + 120, "jti": jti, "events": {EVENT: {}}})
    };
    let types = [
        json!("at+jwt"),
        json!("JOSE"),
        json!("secevent+jwt"),
        json!("global-token-revocation+jwt"),
        json!("logout"),
        json!("id_token+jwt"),
        json!("dpop+jwt"),
        json!("logout+jwt2"),
        json!(1),
        json!(["logout+jwt"]),
        json!(""),
    ];
    for typ in types {
        let header = with(signer.header(), &json!({ "typ": typ }));
        let token = signer.sign_as(&header, &claims("LO.1"));
        let answer = gateway.ask(backchannel(&token)).await;
        assert_eq!((answer.status, answer.reason()), (400, "endpoint"), "{typ}");
    }
    still_in(&gateway, &browser).await;
    let header = with(signer.header(), &json!({"typ": "logout+jwt"}));
    let token = signer.sign_as(&header, &claims("LO.1"));
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 200);
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn a_logout_token_of_somebody_else_or_for_somebody_else_ends_nothing() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let cases = [
        ("audience", json!({"aud": "other"})),
        ("audience beside ours", json!({"aud": [CLIENT, "other"]})),
        ("no audience", json!({"aud": null})),
        ("issuer", json!({"iss": "https://evil.example"})),
        ("issuer with a slash", json!({"iss": format!("{}/", gateway.provider.issuer)})),
        ("no issuer", json!({"iss": null})),
        ("nobody", json!({"sid": null, "sub": null})),
        ("nobody by name", json!({"sid": "", "sub": null})),
        ("a number", json!({"sid": 1, "sub": null})),
    ];
    for (what, changes) in cases {
        refused(&gateway, what, &changes).await;
    }
    let stranger = Signer::new("key-1");
    let now = gateway.clock.now().0;
    let claims = json!({"iss": gateway.provider.issuer, "aud": CLIENT, "sid": "session-1", "iat": now,
        "exp": now + 120, "jti": "LO.1", "events": {EVENT: {}}});
    let none = format!(
        "{}.",
        stranger.sign_as(&json!({"alg": "none"}), &claims).rsplit_once('.').expect("parts").0
    );
    for token in [stranger.sign(&claims), none] {
        gateway.ask(backchannel(&token)).await.refused(400, "endpoint");
    }
    still_in(&gateway, &browser).await;
}

#[tokio::test]
async fn the_notice_is_one_token_in_the_body_of_a_post() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let token = gateway.provider.logout_token(&json!({}));
    let url = format!("{PORTAL}/.auth/backchannel-logout");
    let bodies = [
        String::new(),
        token.clone(),
        "logout_token=".to_owned(),
        format!("logout_token={token}&logout_token={token}"),
        format!("LOGOUT_TOKEN={token}"),
        format!("{{\"logout_token\":\"{token}\"}}"),
        format!("token={token}"),
    ];
    for body in bodies {
        let answer = gateway.ask(Ask::post(&url).body(&body)).await;
        answer.refused(400, "endpoint");
    }
    // Not in the query, not as a bearer, not by another method, and not by a browser that another site sends.
    let query = format!("{url}?logout_token={token}");
    gateway.ask(Ask::post(&query)).await.refused(400, "endpoint");
    gateway.ask(Ask::post(&url).bearer(&token)).await.refused(400, "endpoint");
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let answer = gateway.ask(Ask::get(&query).method(method)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    still_in(&gateway, &browser).await;
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 200);
    out(&gateway, &browser).await;
}

#[tokio::test]
async fn while_the_keys_cannot_be_had_the_provider_is_told_to_come_again() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.fetch_status = 500);
    let gateway = gateway.restarted(Setup::default()).await;
    let token = gateway.provider.logout_token(&json!({}));
    gateway.ask(backchannel(&token)).await.refused(503, "keys_unavailable");
    let body = json!({"sub_id": {"format": "email", "email": "ann@example.com"}});
    let token = gateway.provider.revocation_token(&json!({}));
    gateway.ask(super::universal(&token, &body)).await.refused(503, "keys_unavailable");
}
