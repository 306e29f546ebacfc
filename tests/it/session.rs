//! Sessions, the same for every store: what a browser brings back, and for how long it holds.

use crate::support::{Answer, Ask, Browser, Gateway, PORTAL, Setup};

const HOST: &str = "portal.petstore.localhost";
const SESSION: &str = "__Host-portcullis-s";
const STORES: [fn(Setup) -> Setup; 2] = [|setup| setup, Setup::in_memory];

fn home() -> String {
    format!("{PORTAL}/home")
}

/// A program's request with this browser's cookies: nothing is followed.
async fn plain(gateway: &Gateway, browser: &Browser) -> Answer {
    gateway.ask(browser.dress(Ask::get(&home()))).await
}

#[tokio::test]
async fn a_stale_cookie_leads_straight_to_the_login_and_to_the_page_asked_for() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let gateway = gateway.restarted(store(Setup::default().keys(&[9]))).await;
        let answer = gateway.ask(browser.dress(Ask::get(&home()).navigate())).await;
        answer.sent_to(&gateway.provider.issuer, "invalid_session");
        assert!(answer.set_cookie(SESSION).is_some_and(|c| c.contains("Max-Age=0")));
        assert!(answer.set_cookie("__Host-portcullis-u").is_some_and(|c| c.contains("Max-Age=0")));
        let (at, answer) = browser.visit(&gateway, &home()).await;
        assert_eq!(at, home());
        answer.granted();
    }
}

#[tokio::test]
async fn a_restart_ends_sessions_in_memory() {
    let gateway = Gateway::with(Setup::default().in_memory()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    let size: usize = browser.cookies(HOST).get(SESSION).map_or(0, String::len);
    assert!(size < 400, "a reference, not a record: {size}");
    let gateway = gateway.restarted(Setup::default().in_memory()).await;
    plain(&gateway, &browser).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn what_is_no_whole_session_is_no_session() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let good = Browser::signed_in(&gateway, &home()).await;
        let value = good.clone().cookies(HOST)[SESSION].clone();
        let middle = value.len() / 2;
        let flipped = {
            let mut bytes = value.clone().into_bytes();
            bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).expect("text")
        };
        let bad = [
            String::new(),
            "x".to_owned(),
            "1.".to_owned(),
            "0.x".to_owned(),
            "9.x".to_owned(),
            flipped,
            value.chars().take(middle).collect(),
            format!("{value}A"),
            value.replacen("1.", "2.", 1),
            "1.\u{e4}".to_owned(),
            "A".repeat(3900),
        ];
        for text in bad {
            let mut browser = good.clone();
            browser.cookies(HOST).insert(SESSION.to_owned(), text.clone());
            let answer = plain(&gateway, &browser).await;
            assert_eq!((answer.status, answer.reason()), (401, "invalid_session"), "{text}");
            let (at, answer) = browser.visit(&gateway, &home()).await;
            assert_eq!(at, home(), "{text}");
            answer.granted();
        }
    }
}

#[tokio::test]
async fn a_stray_chunk_makes_the_session_void_and_is_cleared() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        browser.cookies(HOST).insert(format!("{SESSION}-1"), "x".to_owned());
        let answer = plain(&gateway, &browser).await;
        answer.refused(401, "invalid_session");
        assert!(
            answer.set_cookie(&format!("{SESSION}-1")).is_some_and(|c| c.contains("Max-Age=0"))
        );
        browser.cookies(HOST).remove(SESSION);
        let (at, answer) = browser.visit(&gateway, &home()).await;
        assert_eq!(at, home());
        answer.granted();
        assert!(!browser.cookies(HOST).contains_key(&format!("{SESSION}-1")));
    }
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        gateway.provider.turn(|knobs| knobs.lifetime = 80_000);
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        for _hour in 0..3 {
            gateway.later(3500);
            browser.load(&gateway, &home()).await.granted();
        }
        gateway.later(3600);
        plain(&gateway, &browser).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn the_last_use_is_written_at_most_every_tenth_of_the_idle_timeout() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    let mut written = Vec::new();
    for _step in 0..12 {
        gateway.later(60);
        let answer = browser.load(&gateway, &home()).await;
        answer.granted();
        written.push(answer.set_cookie("__Host-portcullis-u").is_some());
        assert!(answer.set_cookie(SESSION).is_none(), "the record stays as it is");
    }
    let count = written.iter().filter(|written| **written).count();
    assert_eq!(count, 2, "{written:?}");
}

#[tokio::test]
async fn a_session_ends_with_its_lifetime_however_much_it_is_used() {
    for store in STORES {
        let session = "{petstore-portal.default: {session: {lifetime: 2h}}}";
        let gateway = Gateway::with(store(Setup::default()).setting("portals", session)).await;
        gateway.provider.turn(|knobs| knobs.lifetime = 80_000);
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        for _step in 0..3 {
            gateway.later(1790);
            browser.load(&gateway, &home()).await.granted();
        }
        gateway.later(1829);
        browser.send(&gateway, Ask::get(&home())).await.granted();
        gateway.later(1);
        plain(&gateway, &browser).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn a_session_ends_when_its_portal_gets_another_login() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    let gateway = gateway.restarted(Setup::default().edit("0oaPetstore", "0oaOther")).await;
    plain(&gateway, &browser).await.refused(401, "invalid_session");
}
