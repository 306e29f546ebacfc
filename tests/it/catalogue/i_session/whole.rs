//! What a session is bound to, and how it begins: keys, host, browser.

use super::{HOST, SESSION, STORES, home, plain, stale};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashSet;

#[tokio::test]
async fn i03_an_older_key_opens_and_an_unknown_one_is_a_login() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    let gateway = gateway.restarted(Setup::default()).await;
    plain(&gateway, &browser).await.granted();
    // An older key still opens; new seals are made with the first.
    let gateway = gateway.restarted(Setup::default().keys(&[2, 1])).await;
    plain(&gateway, &browser).await.granted();
    let fresh = Browser::signed_in(&gateway, &home()).await;
    let gateway = gateway.restarted(Setup::default().keys(&[2])).await;
    plain(&gateway, &fresh).await.granted();
    stale(&gateway, &browser).await;
}

#[tokio::test]
async fn i03_a_key_id_that_nobody_has_is_a_login() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let value = browser.cookies(HOST)[SESSION].clone();
        let (count, text) = value.split_once('.').expect("a count");
        let good = URL_SAFE_NO_PAD.decode(text).expect("base64url");
        // Version, key id, nonce, text, tag.
        for byte in [0, 1, 4, 5, 16, 17, good.len() - 17, good.len() - 1] {
            let mut bytes = good.clone();
            bytes[byte] ^= 0x40;
            let text = format!("{count}.{}", URL_SAFE_NO_PAD.encode(bytes));
            browser.cookies(HOST).insert(SESSION.to_owned(), text);
            stale(&gateway, &browser).await;
        }
        browser.cookies(HOST).insert(SESSION.to_owned(), value);
        plain(&gateway, &browser).await.granted();
    }
}

#[tokio::test]
async fn i04_a_copy_in_another_browser_ends_with_the_logout() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let copy = browser.clone();
        let ask = Ask::post(&format!("{PORTAL}/.auth/logout")).fetch();
        assert_eq!(browser.send(&gateway, ask).await.status, 200);
        gateway.later(61);
        stale(&gateway, &copy).await;
    }
}

#[tokio::test]
async fn i06_a_session_holds_on_its_own_host_alone() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        plain(&gateway, &browser).await.granted();
        let stolen = browser.cookies(HOST).clone();
        *browser.cookies("api.petstore.localhost") = stolen;
        let answer = browser.send(&gateway, Ask::get(&format!("{API}/pets"))).await;
        answer.refused(401, "invalid_session");
        assert!(browser.cookies("api.petstore.localhost").is_empty(), "cleared");
        // Ports, letter case and a final dot are no other host: cookies ignore them as well.
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let line: Vec<String> =
            browser.cookies(HOST).iter().map(|(name, value)| format!("{name}={value}")).collect();
        for host in [HOST, "Portal.Petstore.Localhost:10000", "portal.petstore.localhost.:10000"] {
            let ask = Ask::get(&home()).host(host).header("cookie", &line.join("; "));
            gateway.ask(ask).await.granted();
        }
    }
}

#[tokio::test]
async fn i06_a_text_that_was_sealed_for_one_purpose_opens_for_no_other() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        browser.callback(&gateway, &format!("{PORTAL}/.auth/signup")).await;
        let jar = browser.cookies(HOST).clone();
        assert!(jar.len() >= 3, "session, last use, flow: {:?}", jar.keys());
        for (name, value) in jar.iter().filter(|(name, _)| *name != SESSION) {
            let mut browser = browser.clone();
            browser.cookies(HOST).insert(SESSION.to_owned(), format!("1.{value}"));
            stale(&gateway, &browser).await;
            assert_ne!(name, SESSION);
        }
    }
}

#[tokio::test]
async fn i15_a_cookie_that_was_there_before_a_login_is_nobody_s_after_it() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mallory = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.person["sub"] = "00u2".into());
        let planted = mallory.clone().cookies(HOST)[SESSION].clone();
        // The victim's browser has it, or junk, when it signs in.
        for before in [planted.clone(), "1.junk".to_owned(), String::new()] {
            gateway.later(61);
            let mut victim = Browser::default();
            victim.cookies(HOST).insert(SESSION.to_owned(), before.clone());
            let (_, answer) =
                victim.visit(&gateway, &format!("{PORTAL}/.auth/signup?return_to=/home")).await;
            assert_eq!(answer.granted().set["x-user-id"], "00u2");
            let after = victim.cookies(HOST)[SESSION].clone();
            assert_ne!(after, before);
            if before == planted {
                plain(&gateway, &mallory).await.refused(401, "invalid_session");
            }
        }
        // Two logins of one person are two sessions.
        let mut one = Browser::signed_in(&gateway, &home()).await;
        let mut two = Browser::signed_in(&gateway, &home()).await;
        assert_ne!(one.cookies(HOST)[SESSION], two.cookies(HOST)[SESSION]);
    }
}

#[tokio::test]
async fn i15_a_login_ends_the_session_before_it() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let before = browser.clone();
        let (_, answer) =
            browser.visit(&gateway, &format!("{PORTAL}/.auth/signup?return_to=/home")).await;
        answer.granted();
        plain(&gateway, &before).await.refused(401, "invalid_session");
        plain(&gateway, &browser).await.granted();
    }
}

#[test]
fn i23_the_source_of_nonces_repeats_none() {
    const SEALS: usize = 1 << 20;
    let nonce = || portcullis::random::bytes::<12>().expect("randomness");
    let nonces: HashSet<[u8; 12]> = std::iter::repeat_with(nonce).take(SEALS).collect();
    assert_eq!(nonces.len(), SEALS);
}

#[tokio::test]
async fn i23_every_seal_has_a_nonce_of_its_own() {
    let gateway = Gateway::new().await;
    let mut nonces = HashSet::new();
    let mut seals = 0;
    for _login in 0..30 {
        let mut browser = Browser::default();
        let callback = browser.callback(&gateway, &home()).await;
        let state = callback.split("state=").nth(1).and_then(|rest| rest.split('&').next());
        let mut texts = vec![state.expect("a state").to_owned()];
        texts.extend(browser.cookies(HOST).values().cloned());
        browser.load(&gateway, &callback).await;
        texts.extend(browser.cookies(HOST).values().cloned());
        gateway.later(400);
        browser.load(&gateway, &home()).await.granted();
        texts.push(browser.cookies(HOST)["__Host-portcullis-u"].clone());
        for text in texts {
            let bytes = URL_SAFE_NO_PAD.decode(text.trim_start_matches("1.")).expect("sealed");
            nonces.insert(bytes[5..17].to_vec());
            seals += 1;
        }
    }
    // State, flow, session, last use, count, and last use again.
    assert_eq!((nonces.len(), seals), (180, 180));
}
