//! Logins that go wrong.

use crate::support::token::Signer;
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup, eventually};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A browser that comes back from the provider; its callback, not yet loaded.
async fn returning(gateway: &Gateway) -> (Browser, String) {
    let mut browser = Browser::default();
    let callback = browser.callback(gateway, &format!("{PORTAL}/a")).await;
    (browser, callback)
}

/// Loads a callback that has to be refused without a word to the token endpoint.
async fn refused_unused(gateway: &Gateway, browser: &mut Browser, callback: &str) {
    let answer = browser.load(gateway, callback).await;
    assert_eq!((answer.status, answer.reason()), (400, "bad_callback"), "{callback}");
    assert!(answer.refused(400, "bad_callback").is_page());
    assert!(answer.body.contains("href=\"/.auth/login\""), "a link that starts again");
    assert!(answer.set_cookie("__Host-portcullis-s").is_none());
    assert_eq!(gateway.provider.calls("/token", "authorization_code"), 0, "{callback}");
}

#[tokio::test]
async fn a_state_goes_only_with_its_own_flow_cookie() {
    let gateway = Gateway::new().await;
    let (mut browser, first) = returning(&gateway).await;
    let second = browser.callback(&gateway, &format!("{PORTAL}/b")).await;
    // The cookie of one login under the name of the other.
    let jar = browser.cookies("portal.petstore.localhost");
    let names: Vec<String> = jar.keys().cloned().collect();
    let values: Vec<String> = jar.values().cloned().collect();
    jar.insert(names[0].clone(), values[1].clone());
    jar.insert(names[1].clone(), values[0].clone());
    for callback in [first, second] {
        refused_unused(&gateway, &mut browser, &callback).await;
    }
}

#[tokio::test]
async fn an_id_token_that_does_not_hold_makes_no_session() {
    let gateway = Gateway::new().await;
    let now = gateway.clock.now().0;
    let faults = [
        ("nonce", json!({"nonce": "other"})),
        ("no nonce", json!({"nonce": null})),
        ("audience", json!({"aud": "other"})),
        ("two audiences", json!({"aud": ["0oaPetstore", "other"]})),
        ("no audience", json!({"aud": null})),
        ("issuer", json!({"iss": "https://evil.example"})),
        ("expired", json!({"exp": now - 61, "iat": now - 100})),
        ("no expiry", json!({"exp": null})),
        ("from the future", json!({"iat": now + 100})),
        ("issued long ago", json!({"iat": now - 700})),
        ("lives too long", json!({"exp": now + 100_000})),
        ("authorized party", json!({"azp": "other"})),
        ("access token hash", json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
        ("no access token hash", json!({"at_hash": null})),
        ("code hash", json!({"c_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
        ("no subject", json!({"sub": null})),
        ("an access token", json!({"scp": ["openid"], "cid": "x"})),
    ];
    for (name, fault) in faults {
        gateway.provider.turn(|knobs| knobs.id_token = fault);
        let (mut browser, callback) = returning(&gateway).await;
        let answer = browser.load(&gateway, &callback).await;
        assert_eq!((answer.status, answer.reason()), (400, "bad_callback"), "{name}");
        assert!(answer.refused(400, "bad_callback").is_page());
        assert!(answer.set_cookie("__Host-portcullis-s").is_none(), "{name}");
        assert!(answer.body.contains("href=\"/.auth/login\""), "a link that starts again");
    }
}

#[tokio::test]
async fn an_id_token_signed_by_somebody_else_makes_no_session() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.signer = Signer::new("key-1"));
    let (mut browser, callback) = returning(&gateway).await;
    browser.load(&gateway, &callback).await.refused(400, "bad_callback");
}

#[tokio::test]
async fn a_login_of_another_sealing_key_with_a_live_session_goes_to_the_start_page() {
    let gateway = Gateway::new().await;
    let (_, callback) = returning(&gateway).await;
    let gateway = gateway.restarted(Setup::default().keys(&[7])).await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let answer = browser.load(&gateway, &callback).await;
    assert_eq!((answer.status, answer.location()), (302, "/"));
}

#[tokio::test]
async fn a_callback_of_an_api_host_s_login_is_relayed_to_that_host_alone() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{API}/pets")).await;
    // On the API host there is no redirect URI, and what reaches it is judged by its own cookies.
    let elsewhere =
        callback.replace(&format!("{PORTAL}/callback"), &format!("{API}/.auth/callback"));
    let answer = Browser::default().load(&gateway, &elsewhere).await;
    answer.refused(400, "bad_callback");
    // A portal login that is brought to the API host stays unused.
    let (_, portal) = returning(&gateway).await;
    let moved = portal.replace(&format!("{PORTAL}/callback"), &format!("{API}/.auth/callback"));
    refused_unused(&gateway, &mut browser, &moved).await;
}

#[tokio::test]
async fn the_third_completed_login_within_a_minute_is_a_loop() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    for turn in 1..=3 {
        let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
        let answer = browser.load(&gateway, &callback).await;
        if turn < 3 {
            assert_eq!((answer.status, answer.location()), (302, "/a"), "{turn}");
        } else {
            assert!(answer.refused(403, "login_loop").is_page());
        }
        // This browser drops the session each time.
        browser.cookies("portal.petstore.localhost").retain(|name, _| !name.ends_with("-s"));
        gateway.later(5);
    }
}

#[tokio::test]
async fn logins_that_are_far_apart_or_were_only_begun_are_no_loop() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    for _begun in 0..10 {
        browser.load(&gateway, &format!("{PORTAL}/a")).await;
    }
    for _login in 0..4 {
        let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
        assert_eq!(browser.load(&gateway, &callback).await.location(), "/a");
        browser.cookies("portal.petstore.localhost").retain(|name, _| !name.ends_with("-s"));
        gateway.later(31);
    }
}

#[tokio::test]
async fn a_browser_that_hangs_up_does_not_lose_the_code() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let gate = Arc::new(Semaphore::new(0));
    gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
    let message = browser.dress(Ask::get(&callback).navigate()).message();
    let mut client = gateway.client.clone();
    let first = tokio::spawn(async move { client.check(message).await });
    eventually(|| gateway.provider.calls("/token", "authorization_code") == 1).await;
    first.abort();
    assert!(first.await.is_err(), "hung up");
    gate.add_permits(10);
    let answer = browser.load(&gateway, &callback).await;
    assert_eq!((answer.status, answer.location()), (302, "/a"));
    browser.load(&gateway, &format!("{PORTAL}/a")).await.granted();
    let exchanges = gateway.provider.calls("/token", "authorization_code");
    println!("code exchanges: {exchanges}");
    assert_eq!(exchanges, 1);
}
