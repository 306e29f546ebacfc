//! Refresh and outage.

use crate::support::{Answer, Ask, Browser, Gateway, PORTAL, Setup, eventually};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const SESSION: &str = "__Host-portcullis-s";
const STORES: [fn(Setup) -> Setup; 3] = [|setup| setup, Setup::in_memory, Setup::in_redis];
/// No idle end, so that only the identity's counts.
const LONG: &str = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";

fn home() -> String {
    format!("{PORTAL}/home")
}

fn setup() -> Setup {
    Setup::default().setting("portals", LONG)
}

async fn plain(gateway: &Gateway, browser: &Browser) -> Answer {
    gateway.ask(browser.dress(Ask::get(&home()))).await
}

fn refreshes(gateway: &Gateway) -> usize {
    gateway.provider.calls("/token", "refresh_token")
}

#[tokio::test]
async fn fifty_checks_at_the_end_of_an_identity_refresh_it_once() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let browser = Browser::signed_in(&gateway, &home()).await;
        gateway.later(3660);
        let asks = (0..50).map(|_at| plain(&gateway, &browser));
        for answer in futures_util::future::join_all(asks).await {
            answer.granted();
        }
        println!("calls of the token endpoint by 50 checks: {}", refreshes(&gateway));
        assert_eq!(refreshes(&gateway), 1);
    }
}

#[tokio::test]
async fn before_the_end_a_check_is_answered_at_once_and_the_refresh_runs_beside_it() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.later(3479);
        plain(&gateway, &browser).await.granted();
        assert_eq!(refreshes(&gateway), 0);
        let gate = Arc::new(Semaphore::new(0));
        gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
        gateway.later(1);
        plain(&gateway, &browser).await.granted();
        eventually(|| refreshes(&gateway) == 1).await;
        plain(&gateway, &browser).await.granted();
        gate.add_permits(9);
        let refreshed = async {
            while gateway.metric("portcullis_refreshes_total{outcome=\"refreshed\"}").await < 1 {}
        };
        tokio::time::timeout(Duration::from_secs(10), refreshed).await.expect("refreshed");
        // Past the old identity's end the new one answers, and nobody asks again.
        gateway.later(200);
        browser.load(&gateway, &home()).await.granted();
        assert_eq!(refreshes(&gateway), 1);
    }
}

#[tokio::test]
async fn a_refreshed_record_is_sent_once_to_a_browser_that_keeps_it() {
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    let slow = browser.clone();
    gateway.later(3660);
    let answer = browser.load(&gateway, &home()).await;
    answer.granted();
    assert!(answer.set_cookie(SESSION).is_some(), "the new record");
    assert!(browser.load(&gateway, &home()).await.set_cookie(SESSION).is_none(), "once");
    // A tab that still shows the old one gets the new one, without another refresh.
    let answer = plain(&gateway, &slow).await;
    answer.granted();
    assert!(answer.set_cookie(SESSION).is_some());
    assert_eq!(refreshes(&gateway), 1);
}

#[tokio::test]
async fn refresh_goes_on_with_the_rotated_token() {
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    for turn in 1..=3 {
        gateway.later(3660);
        browser.load(&gateway, &home()).await.granted();
        assert_eq!(refreshes(&gateway), turn);
    }
}

#[tokio::test]
async fn invalid_grant_ends_the_session() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.token_error = Some((400, "invalid_grant")));
        gateway.later(3660);
        plain(&gateway, &browser).await.refused(401, "invalid_session");
        gateway.provider.turn(|knobs| knobs.token_error = None);
        plain(&gateway, &browser).await.refused(401, "invalid_session");
        assert_eq!(refreshes(&gateway), 1);
        let (at, answer) = browser.visit(&gateway, &home()).await;
        assert_eq!(at, home());
        answer.granted();
    }
}

#[tokio::test]
async fn an_outage_leaves_the_identity_in_force_for_its_grace_and_then_503() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| {
            knobs.token_error = Some((500, "server_error"));
            knobs.fetch_status = 500;
        });
        gateway.later(3660);
        browser.load(&gateway, &home()).await.granted();
        gateway.later(7139);
        browser.load(&gateway, &home()).await.granted();
        gateway.later(1);
        let answer = gateway.ask(browser.dress(Ask::get(&home()).navigate())).await;
        assert!(answer.refused(503, "provider_unavailable").is_page());
        assert!(answer.set_cookies().is_empty(), "the session stays for when it is back");
        plain(&gateway, &browser).await.refused(503, "provider_unavailable");
        gateway.provider.turn(|knobs| {
            knobs.token_error = None;
            knobs.fetch_status = 200;
        });
        gateway.later(30);
        plain(&gateway, &browser).await.granted();
    }
}

#[tokio::test]
async fn an_outage_never_makes_a_session_outlive_its_lifetime() {
    let limits = "{petstore-portal.default: {session: {idle_timeout: 12h, lifetime: 90m}}}";
    let gateway = Gateway::with(Setup::default().setting("portals", limits)).await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    gateway.provider.turn(|knobs| knobs.token_error = Some((500, "server_error")));
    gateway.later(90 * 60 - 1);
    plain(&gateway, &browser).await.granted();
    gateway.later(1);
    plain(&gateway, &browser).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn without_refresh_token_the_identity_ends_and_a_page_load_signs_in_again() {
    for store in STORES {
        let gateway = Gateway::with(store(setup().without_refresh())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.later(3659);
        plain(&gateway, &browser).await.granted();
        gateway.later(1);
        plain(&gateway, &browser).await.refused(401, "invalid_session");
        let (at, answer) = browser.visit(&gateway, &home()).await;
        assert_eq!(at, home());
        answer.granted();
        assert_eq!(refreshes(&gateway), 0);
    }
}

#[tokio::test]
async fn a_refresh_token_that_nobody_asked_for_is_not_used() {
    let gateway = Gateway::with(setup().without_refresh()).await;
    gateway.provider.turn(|knobs| knobs.response = json!({"refresh_token": "unasked"}));
    let browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    plain(&gateway, &browser).await.refused(401, "invalid_session");
    assert_eq!(refreshes(&gateway), 0);
}

#[tokio::test]
async fn without_refresh_token_there_is_grace_only_while_the_provider_is_known_to_be_down() {
    let gateway = Gateway::with(setup().without_refresh()).await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    gateway.provider.turn(|knobs| knobs.fetch_status = 500);
    let issuer = gateway.providers.report()[0].issuer.clone();
    assert!(gateway.providers.refresh_keys(&issuer).await.is_err());
    plain(&gateway, &browser).await.granted();
    // A new login says what is the matter.
    let answer = gateway.ask(Ask::get(&home()).navigate()).await;
    assert!(answer.refused(503, "provider_unavailable").is_page());
    gateway.later(7140);
    let answer = plain(&gateway, &browser).await;
    assert!(!answer.allowed, "{answer:?}");
}

#[tokio::test]
async fn groups_change_at_the_next_refresh() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["Other"]));
        gateway.later(1000);
        browser.load(&gateway, &home()).await.granted();
        gateway.later(2660);
        browser.load(&gateway, &home()).await.refused(403, "not_granted");
        gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["PetstoreUsers"]));
        gateway.later(3660);
        browser.load(&gateway, &home()).await.granted();
    }
}

#[tokio::test]
async fn a_refused_check_gives_the_refreshed_record_as_well() {
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["Other"]));
    gateway.later(3660);
    let answer = browser.load(&gateway, &home()).await;
    answer.refused(403, "not_granted");
    assert!(answer.set_cookie(SESSION).is_some(), "the old record's refresh token is used up");
}

#[tokio::test]
async fn a_refresh_that_hangs_is_waited_for_no_longer_than_two_seconds_or_the_deadline() {
    let gateway = Gateway::with(setup()).await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    let gate = Arc::new(Semaphore::new(0));
    gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
    gateway.later(3660);
    let started = tokio::time::Instant::now();
    let ask = browser.dress(Ask::get(&home()));
    gateway.ask_within(ask, Duration::from_millis(400)).await;
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    plain(&gateway, &browser).await.granted();
    assert!(started.elapsed() < Duration::from_millis(2900), "{:?}", started.elapsed());
    assert_eq!(refreshes(&gateway), 1);
    gate.add_permits(9);
}
