//! Signing out: here, on the other hosts, and by the provider.

use crate::support::{API, Answer, Ask, Browser, CLIENT, Gateway, PORTAL, Setup};
use serde_json::json;

const STORES: [fn(Setup) -> Setup; 2] = [|setup| setup, Setup::in_memory];

pub(crate) fn logout(host: &str) -> Ask {
    Ask::post(&format!("{host}/.auth/logout")).navigate().header("sec-fetch-site", "same-origin")
}

async fn both(gateway: &Gateway) -> Browser {
    let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/")).await;
    let (_, answer) = browser.visit(gateway, &format!("{API}/pets")).await;
    answer.granted();
    browser
}

async fn at(gateway: &Gateway, browser: &Browser, host: &str) -> Answer {
    gateway.ask(browser.dress(Ask::get(&format!("{host}/pets")))).await
}

#[tokio::test]
async fn logout_on_one_host_ends_the_sessions_of_all_and_goes_on_to_the_provider() {
    for store in STORES {
        for (here, there) in [(PORTAL, API), (API, PORTAL)] {
            let gateway = Gateway::with(store(Setup::default())).await;
            let mut browser = both(&gateway).await;
            let before = browser.clone();
            let answer = browser.send(&gateway, logout(here)).await;
            assert_eq!((answer.status, answer.reason()), (303, "endpoint"));
            let to = url::Url::parse(answer.location()).expect("a URL");
            assert!(answer.location().starts_with(&format!("{}/logout?", gateway.provider.issuer)));
            let query: std::collections::HashMap<_, _> = to.query_pairs().into_owned().collect();
            assert_eq!(query["id_token_hint"].split('.').count(), 3);
            assert_eq!(query["post_logout_redirect_uri"], format!("{PORTAL}/"));
            let jar =
                browser.cookies(here.trim_start_matches("http://").trim_end_matches(":10000"));
            assert!(jar.is_empty(), "{:?}", jar.keys());
            at(&gateway, &browser, here).await.refused(401, "no_credentials");
            at(&gateway, &before, here).await.refused(401, "invalid_session");
            at(&gateway, &browser, there).await.refused(401, "invalid_session");
        }
    }
}

#[tokio::test]
async fn logout_without_a_provider_s_session_id_ends_what_the_person_began_before() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": null}));
    let mut browser = both(&gateway).await;
    let other_device = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    gateway.later(1);
    browser.send(&gateway, logout(PORTAL)).await;
    at(&gateway, &browser, API).await.refused(401, "invalid_session");
    at(&gateway, &other_device, PORTAL).await.refused(401, "invalid_session");
    gateway.later(1);
    Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
}

#[tokio::test]
async fn logout_of_one_provider_session_leaves_the_others() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
    let other_device = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    browser.send(&gateway, logout(PORTAL)).await;
    at(&gateway, &browser, API).await.refused(401, "invalid_session");
    at(&gateway, &other_device, PORTAL).await.granted();
}

#[tokio::test]
async fn logout_revokes_bearer_id_tokens() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    let token = gateway.provider.id_token(&json!({}));
    let ask = || Ask::get(&format!("{API}/pets")).bearer(&token);
    gateway.ask(ask()).await.granted();
    browser.send(&gateway, logout(PORTAL)).await;
    gateway.ask(ask()).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn get_asks_before_it_signs_out() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    let answer = browser.load(&gateway, &format!("{PORTAL}/.auth/logout")).await;
    assert_eq!((answer.status, answer.reason()), (200, "endpoint"));
    assert!(
        answer.is_page() && answer.body.contains("<form method=\"post\" action=\"/.auth/logout\">")
    );
    let policy = answer.header("content-security-policy").expect("a CSP");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(answer.set_cookies().is_empty());
    at(&gateway, &browser, PORTAL).await.granted();
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_out() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let post = || browser.dress(Ask::post(&format!("{PORTAL}/.auth/logout")));
    let evidence = [
        post(),
        post().header("sec-fetch-site", "cross-site"),
        post().header("sec-fetch-site", "same-site"),
        post().header("origin", "http://evil.localhost"),
        post().header("origin", "null"),
    ];
    for ask in evidence {
        let answer = gateway.ask(ask).await;
        answer.refused(403, "cross_site");
        assert!(answer.set_cookies().is_empty());
    }
    at(&gateway, &browser, PORTAL).await.granted();
}

#[tokio::test]
async fn a_script_that_signs_out_is_told_where_to_go() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    let ask = Ask::post(&format!("{PORTAL}/.auth/logout")).fetch();
    let answer = browser.send(&gateway, ask).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("eyJ"), "the hint is a bearer, and no business of scripts");
    let location = answer.json()["location"].as_str().expect("a URL").to_owned();
    assert!(location.starts_with(&format!("{PORTAL}/.auth/logout?")), "{location}");
    let on = browser.load(&gateway, &location).await;
    on.sent_to(&format!("{}/logout?", gateway.provider.issuer), "endpoint");
    assert!(on.location().contains("id_token_hint=eyJ"));
    // Where it leads is ours to say.
    let mut forged = location.into_bytes();
    *forged.last_mut().expect("text") ^= 1;
    let forged = String::from_utf8(forged).expect("text");
    let answer = browser.load(&gateway, &forged).await;
    assert_eq!((answer.status, answer.location()), (200, ""));
    at(&gateway, &browser, API).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn logout_without_a_session_is_no_error() {
    let gateway = Gateway::new().await;
    let answer = gateway.ask(logout(PORTAL)).await;
    assert_eq!((answer.status, answer.location()), (303, format!("{PORTAL}/").as_str()));
}

fn backchannel(token: &str) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(&format!("logout_token={token}"))
}

#[tokio::test]
async fn the_provider_ends_sessions_by_its_back_channel_and_a_replay_is_refused() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let browser = both(&gateway).await;
        let token = gateway.provider.logout_token(&json!({}));
        let answer = gateway.ask(backchannel(&token)).await;
        assert_eq!((answer.status, answer.reason()), (200, "endpoint"));
        for host in [PORTAL, API] {
            at(&gateway, &browser, host).await.refused(401, "invalid_session");
        }
        let answer = gateway.ask(backchannel(&token)).await;
        assert_eq!((answer.status, answer.reason()), (400, "endpoint"));
    }
}

#[tokio::test]
async fn the_back_channel_ends_all_sessions_of_a_person_where_no_session_is_named() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    gateway.later(1);
    let token = gateway.provider.logout_token(&json!({"sid": null}));
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 200);
    at(&gateway, &browser, API).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn a_logout_token_that_does_not_hold_ends_nothing() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let now = gateway.clock.now().0;
    let faults = [
        ("audience", json!({"aud": "other"})),
        ("issuer", json!({"iss": "https://evil.example"})),
        ("no event", json!({"events": null})),
        ("another event", json!({"events": {"x": {}}})),
        ("a nonce", json!({"nonce": "n"})),
        ("no jti", json!({"jti": null})),
        ("expired", json!({"exp": now - 61, "iat": now - 100})),
        ("nobody", json!({"sid": null, "sub": null})),
    ];
    for (name, fault) in faults {
        let answer = gateway.ask(backchannel(&gateway.provider.logout_token(&fault))).await;
        assert_eq!((answer.status, answer.reason()), (400, "endpoint"), "{name}");
    }
    let id_token = gateway.provider.id_token(&json!({"jti": "x"}));
    assert_eq!(gateway.ask(backchannel(&id_token)).await.status, 400);
    let get = Ask::get(&format!("{PORTAL}/.auth/backchannel-logout"));
    assert_eq!(gateway.ask(get).await.status, 405);
    at(&gateway, &browser, PORTAL).await.granted();
}

fn universal(token: &str, body: &serde_json::Value) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/global-token-revocation"))
        .header("content-type", "application/json")
        .bearer(token)
        .body(&body.to_string())
}

#[tokio::test]
async fn universal_logout_ends_the_sessions_of_a_person() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let browser = both(&gateway).await;
        let subject = json!({"format": "iss_sub", "iss": gateway.provider.issuer, "sub": "00u1"});
        let body = json!({ "sub_id": subject });
        let faults = [
            json!({"aud": "other"}),
            json!({"aud": CLIENT}),
            json!({"sub": "other"}),
            json!({"iss": "https://evil.example"}),
            json!({"jti": null}),
            json!({"exp": null}),
        ];
        for fault in faults {
            let token = gateway.provider.revocation_token(&fault);
            gateway.ask(universal(&token, &body)).await.refused(401, "invalid_token");
        }
        let id_token = gateway.provider.id_token(&json!({}));
        gateway.ask(universal(&id_token, &body)).await.refused(401, "invalid_token");
        at(&gateway, &browser, PORTAL).await.granted();
        gateway.later(1);
        let token = gateway.provider.revocation_token(&json!({}));
        let answer = gateway.ask(universal(&token, &body)).await;
        assert_eq!((answer.status, answer.reason()), (204, "endpoint"));
        for host in [PORTAL, API] {
            at(&gateway, &browser, host).await.refused(401, "invalid_session");
        }
        gateway.ask(universal(&token, &body)).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn universal_logout_of_nobody_clear_is_refused() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let email = |email: &str| json!({"sub_id": {"format": "email", "email": email}});
    let cases =
        [(json!({}), 400), (email("nobody@example.com"), 404), (email("ann@example.com"), 204)];
    for (at, (body, want)) in cases.into_iter().enumerate() {
        let token = gateway.provider.revocation_token(&json!({"jti": format!("GR.{at}")}));
        assert_eq!(gateway.ask(universal(&token, &body)).await.status, want, "{body}");
    }
    at(&gateway, &browser, PORTAL).await.refused(401, "invalid_session");
}
