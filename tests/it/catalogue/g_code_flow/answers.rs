//! What the provider answers: errors, failures, another person.

use super::{HOST, SESSION, changed, exchanges, guard, home, refused_unused, returning};
use crate::support::{Browser, Gateway, PORTAL, Setup, Trouble};
use serde_json::json;

#[tokio::test]
async fn g11_access_denied_is_explained_and_leads_nowhere_by_itself() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let denied = [("code", None), ("error", Some("access_denied"))];
    let answer = browser.load(&gateway, &changed(&callback, &denied)).await;
    assert!(answer.refused(403, "bad_callback").is_page());
    assert!(answer.body.contains("not assigned"), "{}", answer.body);
    assert!(answer.location().is_empty() && answer.set_cookie(SESSION).is_none());
    assert_eq!(exchanges(&gateway), 0);
    guard(&gateway).await;
}

#[tokio::test]
async fn g12_g13_nothing_that_the_provider_or_a_forger_writes_is_shown() {
    let gateway = Gateway::new().await;
    let texts = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "evil-text",
        "{{7*7}}",
    ];
    for text in texts {
        let error = [
            ("code", None),
            ("error", Some(text)),
            ("error_description", Some(text)),
            ("error_uri", Some(text)),
        ];
        let (mut browser, callback) = returning(&gateway).await;
        let (mut forged, other) = returning(&gateway).await;
        let bad = [&error[..], &[("state", Some(text))]].concat();
        for (browser, url) in
            [(&mut browser, changed(&callback, &error)), (&mut forged, changed(&other, &bad))]
        {
            let answer = browser.load(&gateway, &url).await;
            assert!(answer.refused(400, "bad_callback").is_page());
            let shown = format!("{}{:?}", answer.body, answer.headers);
            for part in [text, "alert(1)", "onerror", "evil-text"] {
                assert!(!shown.contains(part), "{part}: {shown}");
            }
        }
    }
    // A forged state with access_denied is no reason to say that somebody was refused.
    let (mut browser, callback) = returning(&gateway).await;
    let forged = [("code", None), ("error", Some("access_denied")), ("state", Some("x"))];
    refused_unused(&gateway, &mut browser, &changed(&callback, &forged)).await;
}

#[tokio::test]
async fn g20_a_token_endpoint_that_fails_is_said_so_and_a_code_is_never_tried_again() {
    let quick = "{allow_http: true, allow_addresses: [127.0.0.0/8], connect_timeout: 150ms, timeout: 150ms}";
    for status in [429, 500, 502, 503, 504, 408] {
        let gateway = Gateway::new().await;
        let (mut browser, callback) = returning(&gateway).await;
        gateway.provider.turn(|knobs| knobs.token_error = Some((status, "server_error")));
        let answer = browser.load(&gateway, &callback).await;
        assert!(answer.refused(503, "provider_unavailable").is_page(), "{status}");
        assert!(answer.body.contains("href=\"/.auth/login\""), "{}", answer.body);
        assert!(answer.set_cookie(SESSION).is_none());
        // The code is spent, also for who loads the page again.
        gateway.provider.turn(|knobs| knobs.token_error = None);
        browser.load(&gateway, &callback).await.refused(400, "bad_callback");
        assert_eq!(exchanges(&gateway), 1, "{status}");
        guard(&gateway).await;
    }
    for trouble in [
        Trouble::Refused,
        Trouble::Hung,
        Trouble::Reset,
        Trouble::Alert,
        Trouble::Drip,
        Trouble::Deaf,
    ] {
        let setup = Setup::default().setting("provider", quick);
        let (gateway, line) = Gateway::behind_a_line(setup).await;
        let (mut browser, callback) = returning(&gateway).await;
        line.trouble(trouble).await;
        let answer = browser.load(&gateway, &callback).await;
        assert!(answer.refused(503, "provider_unavailable").is_page(), "{trouble:?}");
        line.trouble(Trouble::None).await;
        browser.load(&gateway, &callback).await.refused(400, "bad_callback");
        assert!(exchanges(&gateway) <= 1, "{trouble:?}");
        let issuer = gateway.providers.report()[0].issuer.clone();
        gateway.providers.refresh_keys(&issuer).await.expect("it is back");
        guard(&gateway).await;
    }
}

#[tokio::test]
async fn g20_a_token_endpoint_that_refuses_or_answers_nonsense_makes_no_session() {
    let gateway = Gateway::new().await;
    let responses = [
        json!({"id_token": null}),
        json!({"id_token": 5}),
        json!({"id_token": ""}),
        json!({"access_token": null}),
        json!({"token_type": null}),
        json!({"token_type": "DPoP"}),
        json!({"expires_in": "soon"}),
    ];
    for response in responses {
        gateway.provider.turn(|knobs| knobs.response = response.clone());
        let (mut browser, callback) = returning(&gateway).await;
        let answer = browser.load(&gateway, &callback).await;
        assert_eq!((answer.status, answer.reason()), (400, "bad_callback"), "{response}");
        assert!(answer.set_cookie(SESSION).is_none());
    }
    gateway.provider.turn(|knobs| knobs.response = json!({}));
    for (status, error) in [(400, "invalid_grant"), (401, "invalid_client"), (403, "x"), (404, "x")]
    {
        gateway.provider.turn(|knobs| knobs.token_error = Some((status, error)));
        let (mut browser, callback) = returning(&gateway).await;
        browser.load(&gateway, &callback).await.refused(400, "bad_callback");
    }
    gateway.provider.turn(|knobs| knobs.token_error = None);
    guard(&gateway).await;
}

#[tokio::test]
async fn g27_what_only_a_person_can_settle_is_asked_of_the_person() {
    let gateway = Gateway::new().await;
    let errors = [
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
        "unmet_authentication_requirements",
        "temporarily_unavailable",
        "server_error",
    ];
    for error in errors {
        let (mut browser, callback) = returning(&gateway).await;
        let error = [("code", None), ("error", Some(error))];
        // No retry by itself: a page, whose link begins one login.
        refused_unused(&gateway, &mut browser, &changed(&callback, &error)).await;
        let (at, answer) =
            browser.visit(&gateway, &format!("{PORTAL}/.auth/login?return_to=/home")).await;
        assert_eq!(at, home());
        answer.granted();
        gateway.later(61);
    }
}

#[tokio::test]
async fn g31_a_login_as_somebody_else_ends_the_session_that_was_there() {
    for memory in [false, true] {
        let setup = if memory { Setup::default().in_memory() } else { Setup::default() };
        let gateway = Gateway::with(setup).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let ann = browser.clone();
        let before = browser.cookies(HOST)[SESSION].clone();
        // Sign-up asks the provider although there is a session.
        gateway.provider.turn(|knobs| {
            knobs.person["sub"] = json!("00u2");
            knobs.person["email"] = json!("bob@example.com");
            knobs.person["sid"] = json!("session-2");
        });
        let signup = format!("{PORTAL}/.auth/signup?return_to=/home");
        let callback = browser.callback(&gateway, &signup).await;
        assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
        assert_ne!(browser.cookies(HOST)[SESSION], before, "another session");
        let answer = browser.load(&gateway, &home()).await;
        assert_eq!(answer.granted().set["x-user-email"], "bob@example.com");
        let old = gateway.ask(ann.dress(crate::support::Ask::get(&home()))).await;
        old.refused(401, "invalid_session");
        // The login of the same person again makes another session as well.
        let first = browser.cookies(HOST)[SESSION].clone();
        gateway.later(61);
        let callback = browser.callback(&gateway, &signup).await;
        browser.load(&gateway, &callback).await;
        assert_ne!(browser.cookies(HOST)[SESSION], first);
        browser.load(&gateway, &home()).await.granted();
    }
}
