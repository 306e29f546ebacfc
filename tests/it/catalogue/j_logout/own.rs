//! The sign-out that begins here (OpenID Connect RP-Initiated Logout 1.0).

use super::{STORES, at, both, logout, out, still_in};
use crate::support::knobs::Raw;
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn j01_no_other_page_signs_anybody_out() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    for host in [PORTAL, API] {
        let get = || Ask::get(&format!("{host}/.auth/logout"));
        let elsewhere = |ask: Ask| ask.header("sec-fetch-site", "cross-site");
        let asks = [
            ("link", elsewhere(get().navigate())),
            ("same-site link", get().navigate().header("sec-fetch-site", "same-site")),
            ("iframe", elsewhere(get().navigate().header("sec-fetch-dest", "iframe"))),
            (
                "image",
                elsewhere(
                    get().header("sec-fetch-mode", "no-cors").header("sec-fetch-dest", "image"),
                ),
            ),
            ("script", elsewhere(get().fetch())),
            ("prefetch", get().navigate().header("sec-purpose", "prefetch")),
            ("prerender", get().navigate().header("sec-purpose", "prefetch;prerender")),
            ("old browser", get().header("accept", "text/html")),
            ("program", get()),
            ("HEAD", get().method("HEAD")),
        ];
        for (what, ask) in asks {
            let answer = gateway.ask(browser.dress(ask)).await;
            assert!(matches!(answer.status, 200 | 405), "{what}: {answer:?}");
            assert!(answer.set_cookies().is_empty() && answer.location().is_empty(), "{what}");
        }
        let post = || Ask::post(&format!("{host}/.auth/logout"));
        let form = || post().navigate();
        let asks = [
            ("nothing said", post()),
            ("form", elsewhere(form())),
            ("form of a sibling", form().header("sec-fetch-site", "same-site")),
            ("two sites said", form().header("sec-fetch-site", "same-origin,cross-site")),
            ("script", elsewhere(post().fetch()).header("origin", "http://evil.localhost")),
            (
                "old browser's form",
                post().header("accept", "text/html").header("origin", "http://evil.localhost"),
            ),
            ("sandbox", elsewhere(form()).header("origin", "null")),
            ("no Fetch Metadata, sandbox", post().header("origin", "null")),
            ("another port", post().header("origin", &host.replace("10000", "8443"))),
            ("another scheme", post().header("origin", &host.replace("http:", "https:"))),
            ("a dot", post().header("origin", &host.replace(":10000", ".:10000"))),
            ("upper case", post().header("origin", &host.to_uppercase())),
            ("a path", post().header("origin", &format!("{host}/"))),
            ("a referer is no evidence", post().header("referer", &format!("{host}/"))),
        ];
        for (what, ask) in asks {
            let answer = gateway.ask(browser.dress(ask)).await;
            answer.refused(403, "cross_site");
            assert!(answer.set_cookies().is_empty(), "{what}");
        }
    }
    still_in(&gateway, &browser).await;
}

#[tokio::test]
async fn j01_get_asks_before_it_signs_out() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    let answer = browser.load(&gateway, &format!("{PORTAL}/.auth/logout")).await;
    assert_eq!((answer.status, answer.reason()), (200, "endpoint"));
    let form = "<form method=\"post\" action=\"/.auth/logout\">";
    assert!(answer.is_page() && answer.body.contains(form), "{}", answer.body);
    let policy = answer.header("content-security-policy").expect("a CSP");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(answer.set_cookies().is_empty());
    still_in(&gateway, &browser).await;
}

#[tokio::test]
async fn j03_logout_on_one_host_ends_the_sessions_of_all_and_every_copy_of_them() {
    for store in STORES {
        for (here, there) in [(PORTAL, API), (API, PORTAL)] {
            let gateway = Gateway::with(store(Setup::default())).await;
            let mut browser = both(&gateway).await;
            let copy = browser.clone();
            let answer = browser.send(&gateway, logout(here)).await;
            assert_eq!((answer.status, answer.reason()), (303, "endpoint"));
            // Each cookie is cleared as it was set; the form of it is judged with every answer.
            let host = here.trim_start_matches("http://").trim_end_matches(":10000");
            assert!(browser.cookies(host).is_empty(), "{:?}", browser.cookies(host).keys());
            let to = url::Url::parse(answer.location()).expect("a URL");
            assert!(answer.location().starts_with(&format!("{}/logout?", gateway.provider.issuer)));
            let query: HashMap<_, _> = to.query_pairs().into_owned().collect();
            assert_eq!(query["id_token_hint"].split('.').count(), 3);
            assert_eq!(query["post_logout_redirect_uri"], format!("{PORTAL}/"));
            at(&gateway, &browser, here).await.refused(401, "no_credentials");
            at(&gateway, &browser, there).await.refused(401, "invalid_session");
            out(&gateway, &copy).await;
            let userinfo = Ask::get(&format!("{here}/.auth/userinfo")).fetch();
            gateway.ask(copy.dress(userinfo)).await.refused(401, "invalid_session");
        }
    }
}

#[tokio::test]
async fn j05_without_a_logout_at_the_provider_it_is_here_alone_and_it_says_so() {
    let gateway = Gateway::new().await;
    let without = json!({"end_session_endpoint": null});
    gateway.provider.turn(|knobs| knobs.discovery = without);
    for store in STORES {
        let gateway = Gateway::beside(
            Arc::clone(&gateway.provider),
            gateway.clock.clone(),
            store(Setup::default()),
        )
        .await;
        let mut browser = both(&gateway).await;
        let copy = browser.clone();
        let answer = browser.send(&gateway, logout(PORTAL)).await;
        // No redirect: the start page would lead to the provider, and straight back in.
        assert_eq!((answer.status, answer.location()), (200, ""));
        assert!(
            answer.is_page() && answer.body.contains("href=\"/.auth/login\""),
            "{}",
            answer.body
        );
        assert!(answer.body.contains("could not be told"), "{}", answer.body);
        assert!(browser.cookies("portal.petstore.localhost").is_empty());
        out(&gateway, &copy).await;
        // The provider still has the session: who signs in by it again stays.
        gateway.later(1);
        let again = both(&gateway).await;
        still_in(&gateway, &again).await;
        out(&gateway, &copy).await;
        // A script is told to go to the start page.
        let mut script = again.clone();
        let ask = Ask::post(&format!("{PORTAL}/.auth/logout")).fetch();
        let answer = script.send(&gateway, ask).await;
        let location = answer.json()["location"].as_str().expect("a URL").to_owned();
        let on = script.load(&gateway, &location).await;
        assert_eq!((on.status, on.location()), (302, format!("{PORTAL}/").as_str()));
        out(&gateway, &again).await;
        gateway.later(61);
    }
}

#[tokio::test]
async fn j05_while_the_provider_is_unheard_of_the_logout_is_here_and_claims_no_more() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    let copy = browser.clone();
    gateway.provider.turn(|knobs| knobs.fetch_status = 500);
    let gateway = gateway.restarted(Setup::default()).await;
    let answer = browser.send(&gateway, logout(PORTAL)).await;
    assert_eq!((answer.status, answer.location()), (200, ""));
    let said = &answer.body;
    // It has a logout of its own, for all that is known: nothing is said of that.
    assert!(answer.is_page() && said.contains("could not be told"), "{said}");
    assert!(!said.contains("has no sign-out"), "{said}");
    for host in [PORTAL, API] {
        at(&gateway, &copy, host).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn j06_whatever_the_provider_sends_the_browser_back_with_it_stays_signed_out() {
    for access in ["required", "optional"] {
        let setup = Setup::default()
            .setting("portals", &format!("{{petstore-portal.default: {{access: {access}}}}}"));
        let gateway = Gateway::with(setup).await;
        let mut browser = Browser::default();
        for host in [PORTAL, API] {
            let login = format!("{host}/.auth/login?return_to=/pets");
            browser.visit(&gateway, &login).await.1.granted();
        }
        let copy = browser.clone();
        browser.send(&gateway, logout(PORTAL)).await;
        let back = [
            "/",
            "/?state=wrong",
            "/?state=",
            "/?state=a&state=b",
            "/?error=x&state=y",
            "/?iss=evil",
        ];
        for back in back {
            let answer = browser.load(&gateway, &format!("{PORTAL}{back}")).await;
            if access == "required" {
                answer.sent_to(&format!("{}/authorize", gateway.provider.issuer), "no_credentials");
            } else {
                assert_eq!((answer.allowed, answer.reason()), (true, "public"), "{back}");
                assert!(!answer.set.contains_key("x-user-id"), "{back}");
            }
            at(&gateway, &copy, API).await.refused(401, "invalid_session");
        }
        let confirm = browser.load(&gateway, &format!("{PORTAL}/.auth/logout?state=wrong")).await;
        assert!(confirm.is_page() && confirm.status == 200);
    }
}

#[tokio::test]
async fn logout_of_one_provider_session_leaves_the_others() {
    let gateway = Gateway::new().await;
    let mut browser = both(&gateway).await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
    let other_device = both(&gateway).await;
    let copy = browser.clone();
    browser.send(&gateway, logout(PORTAL)).await;
    out(&gateway, &copy).await;
    still_in(&gateway, &other_device).await;
}

#[tokio::test]
async fn logout_without_a_provider_s_session_id_ends_what_the_person_began_before() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({"sid": null}));
    let mut browser = both(&gateway).await;
    let (copy, other_device) = (browser.clone(), both(&gateway).await);
    gateway.provider.turn(|knobs| knobs.person["sub"] = "00u2".into());
    let somebody_else = both(&gateway).await;
    gateway.provider.turn(|knobs| knobs.person["sub"] = "00u1".into());
    gateway.later(1);
    browser.send(&gateway, logout(PORTAL)).await;
    out(&gateway, &copy).await;
    out(&gateway, &other_device).await;
    still_in(&gateway, &somebody_else).await;
    gateway.later(1);
    still_in(&gateway, &both(&gateway).await).await;
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
    // Where it leads is ours to say: not changed, not on another host, and not for long.
    let mut forged = location.clone().into_bytes();
    *forged.last_mut().expect("text") ^= 1;
    let forged = String::from_utf8(forged).expect("text");
    let elsewhere = location.replace(PORTAL, API);
    for url in [&forged, &elsewhere] {
        let answer = browser.load(&gateway, url).await;
        assert_eq!((answer.status, answer.location()), (200, ""), "{url}");
    }
    gateway.later(600);
    assert_eq!(browser.load(&gateway, &location).await.location(), "");
    at(&gateway, &browser, API).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn logout_without_a_session_is_no_error() {
    let gateway = Gateway::new().await;
    let answer = gateway.ask(logout(PORTAL)).await;
    assert_eq!((answer.status, answer.location()), (303, format!("{PORTAL}/").as_str()));
    let mut broken = Browser::default();
    let jar = broken.cookies("portal.petstore.localhost");
    jar.insert("__Host-portcullis-s".to_owned(), "1.junk".to_owned());
    let answer = broken.send(&gateway, logout(PORTAL)).await;
    assert_eq!(answer.status, 303);
    assert!(broken.cookies("portal.petstore.localhost").is_empty(), "cleared all the same");
}

#[tokio::test]
async fn a_session_whose_time_is_over_here_is_ended_at_the_provider_too() {
    let gateway = Gateway::with(Setup::default().without_refresh()).await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    gateway.later(3700);
    let answer = browser.send(&gateway, logout(PORTAL)).await;
    assert!(answer.location().starts_with(&format!("{}/logout?", gateway.provider.issuer)));
    assert!(answer.location().contains("id_token_hint=eyJ"), "an expired hint is fine");
}

/// A service whose provider takes tokens back, and answers with this status.
async fn taking_back(setup: Setup, status: u16) -> Gateway {
    let gateway = Gateway::with(setup).await;
    let endpoint = format!("{}/revoke", gateway.provider.issuer);
    gateway.provider.turn(|knobs| {
        knobs.discovery = json!({ "revocation_endpoint": endpoint });
        let answer: Raw = Arc::new(move || {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, "{}").into_response()
        });
        knobs.raw.insert("/revoke".to_owned(), answer);
    });
    gateway.fetch_keys().await;
    gateway
}

/// Waits until `name` has counted one.
async fn counted(gateway: &Gateway, name: &str) {
    let counted = async { while gateway.metric(name).await == 0 {} };
    tokio::time::timeout(Duration::from_secs(10), counted).await.expect(name);
}

#[tokio::test]
async fn the_refresh_token_is_taken_back_at_the_provider_and_nobody_waits_for_it() {
    for store in STORES {
        for (status, outcome) in [(200, "revoked"), (503, "failed"), (400, "failed")] {
            let gateway = taking_back(store(Setup::default()), status).await;
            let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
            let stale = browser.clone();
            gateway.later(3550);
            // The newest one, though this browser shows an older record.
            browser.load(&gateway, &format!("{PORTAL}/")).await.granted();
            counted(&gateway, "portcullis_refreshes_total{outcome=\"refreshed\"}").await;
            let answer = gateway.ask(stale.dress(logout(PORTAL))).await;
            assert_eq!((answer.status, answer.reason()), (303, "endpoint"), "{status}");
            let name = format!("portcullis_token_revocations_total{{outcome=\"{outcome}\"}}");
            counted(&gateway, &name).await;
            let forms = gateway.provider.forms("/revoke");
            assert_eq!(forms.len(), 1, "{status}: once");
            let newest = gateway.provider.refresh_tokens().into_iter().max().expect("two");
            assert_eq!(forms[0]["token"], newest);
            assert_eq!(forms[0]["token_type_hint"], "refresh_token");
            at(&gateway, &stale, PORTAL).await.refused(401, "invalid_session");
            // A second click has no session any more, and nothing to take back.
            gateway.ask(stale.dress(logout(PORTAL))).await;
            assert_eq!(gateway.provider.forms("/revoke").len(), 1);
        }
    }
}

#[tokio::test]
async fn without_a_refresh_token_or_an_endpoint_for_it_nothing_is_taken_back() {
    let gateway = taking_back(Setup::default().without_refresh(), 200).await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    assert_eq!(browser.send(&gateway, logout(PORTAL)).await.status, 303);
    let other = Gateway::new().await;
    let mut browser = Browser::signed_in(&other, &format!("{PORTAL}/")).await;
    assert_eq!(browser.send(&other, logout(PORTAL)).await.status, 303);
    for mut gateway in [gateway, other] {
        // What runs beside an answer is over by then.
        gateway.stop();
        gateway.ended().await;
        assert_eq!(gateway.provider.calls("/revoke", ""), 0);
    }
}
