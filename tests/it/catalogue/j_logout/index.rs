//! What was ended stays ended: to the end of its life, through refreshes, in every form.

use super::{STORES, at, backchannel, both, logout, out, still_in, universal};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup, eventually};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// One way to end the sessions of a browser; `.1` posts it.
const WAYS: [&str; 4] = ["sign-out", "notice by session", "notice by subject", "universal logout"];

async fn end(gateway: &Gateway, way: &str, browser: &mut Browser) {
    let status = match way {
        "sign-out" => browser.send(gateway, logout(PORTAL)).await.status,
        "notice by session" => {
            let token = gateway.provider.logout_token(&json!({"sub": null}));
            gateway.ask(backchannel(&token)).await.status
        }
        "notice by subject" => {
            let token = gateway.provider.logout_token(&json!({"sid": null}));
            gateway.ask(backchannel(&token)).await.status
        }
        _ => {
            let subject =
                json!({"format": "iss_sub", "iss": gateway.provider.issuer, "sub": "00u1"});
            let token = gateway.provider.revocation_token(&json!({}));
            gateway.ask(universal(&token, &json!({ "sub_id": subject }))).await.status
        }
    };
    assert!(matches!(status, 200 | 204 | 303), "{way}: {status}");
}

#[tokio::test]
async fn j03_j07_j25_what_was_ended_stays_ended_for_as_long_as_it_could_live() {
    let lives = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";
    for store in STORES {
        for way in WAYS {
            let setup = store(Setup::default()).setting("portals", lives).without_refresh();
            let gateway = Gateway::with(setup).await;
            gateway.provider.turn(|knobs| knobs.lifetime = 80_000);
            let mut browser = both(&gateway).await;
            let copy = browser.clone();
            let person = json!({"sub": "00u2", "sid": "session-2"});
            gateway.provider.turn(|knobs| knobs.id_token = person);
            let somebody_else = both(&gateway).await;
            gateway.later(1);
            end(&gateway, way, &mut browser).await;
            for _hour in 0..11 {
                gateway.later(3600);
                out(&gateway, &copy).await;
                still_in(&gateway, &somebody_else).await;
            }
            // A second before the end of its life, and after it.
            gateway.later(3600 - 2);
            out(&gateway, &copy).await;
            still_in(&gateway, &somebody_else).await;
            gateway.later(2);
            out(&gateway, &copy).await;
            out(&gateway, &somebody_else).await;
        }
    }
}

#[tokio::test]
async fn j03_j07_j25_a_refresh_in_flight_brings_nothing_back() {
    for store in STORES {
        for way in WAYS {
            let lives = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";
            let setup = store(Setup::default()).setting("portals", lives);
            let gateway = Arc::new(Gateway::with(setup).await);
            let mut browser = both(&gateway).await;
            let copy = browser.clone();
            // One tab has a refreshed record. Another asks, and waits for the provider; meanwhile the
            // session is ended.
            gateway.later(3700);
            let mut refreshed = copy.clone();
            refreshed.load(&gateway, &format!("{PORTAL}/a")).await.granted();
            let gate = Arc::new(Semaphore::new(0));
            gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
            gateway.later(3700);
            let before = gateway.provider.calls("/token", "refresh_token");
            let (tab, waiting) = (copy.clone(), Arc::clone(&gateway));
            let tab = tokio::spawn(async move { at(&waiting, &tab, PORTAL).await });
            eventually(|| gateway.provider.calls("/token", "refresh_token") > before).await;
            end(&gateway, way, &mut browser).await;
            gate.add_permits(9);
            tab.await.expect("answered").refused(401, "invalid_session");
            gateway.provider.turn(|knobs| knobs.gate = None);
            // Neither the cookie from before nor one that a refresh gave.
            out(&gateway, &copy).await;
            out(&gateway, &refreshed).await;
        }
    }
}

#[tokio::test]
async fn j03_j07_j25_a_login_in_flight_ends_as_well() {
    for way in ["notice by session", "notice by subject", "universal logout"] {
        let gateway = Arc::new(Gateway::new().await);
        let gate = Arc::new(Semaphore::new(0));
        gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
        let mut browser = Browser::default();
        let callback = browser.callback(&gateway, &format!("{PORTAL}/")).await;
        let (mut tab, waiting) = (browser.clone(), Arc::clone(&gateway));
        let tab = tokio::spawn(async move {
            tab.load(&waiting, &callback).await;
            tab
        });
        eventually(|| gateway.provider.calls("/token", "authorization_code") == 1).await;
        gateway.later(1);
        let subject = json!({"format": "iss_sub", "iss": gateway.provider.issuer, "sub": "00u1"});
        if way == "universal logout" {
            let token = gateway.provider.revocation_token(&json!({}));
            let answer = gateway.ask(universal(&token, &json!({ "sub_id": subject }))).await;
            assert_eq!(answer.status, 404, "not seen yet, and ended all the same");
        } else {
            end(&gateway, way, &mut browser).await;
        }
        gate.add_permits(9);
        let tab = tab.await.expect("answered");
        at(&gateway, &tab, PORTAL).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn j03_j07_j25_bearer_id_tokens_end_with_their_session_or_person() {
    for way in WAYS {
        let gateway = Gateway::new().await;
        let mut browser = both(&gateway).await;
        let token = |sub: &str, sid: &str| {
            let sid = if sid.is_empty() { json!(null) } else { json!(sid) };
            gateway.provider.id_token(&json!({"sub": sub, "sid": sid}))
        };
        let of_session = token("00u1", "session-1");
        let (of_another, of_none) = (token("00u1", "session-2"), token("00u1", ""));
        let somebody_else = token("00u2", "session-3");
        let ask = |token: &String| gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token));
        for token in [&of_session, &of_another, &of_none, &somebody_else] {
            ask(token).await.granted();
        }
        gateway.later(1);
        end(&gateway, way, &mut browser).await;
        ask(&of_session).await.refused(401, "invalid_token");
        ask(&somebody_else).await.granted();
        let all = matches!(way, "notice by subject" | "universal logout");
        for token in [&of_another, &of_none] {
            let answer = ask(token).await;
            assert_eq!(answer.reason(), if all { "invalid_token" } else { "granted" }, "{way}");
        }
        // A token that was issued later is of a later sign-in.
        gateway.later(1);
        ask(&gateway.provider.id_token(&json!({}))).await.granted();
    }
}

/// Of Okta the person is `uid`, whom logouts name; `sub` is a login name, which may be anything.
#[tokio::test]
async fn j07_j25_access_tokens_end_with_their_person() {
    for claim in ["auto", "email"] {
        for way in WAYS {
            let tokens = format!("{{audiences: ['api://default'], principal_claim: {claim}}}");
            let gateway = Gateway::with(Setup::default().setting("tokens", &tokens)).await;
            let mut browser = both(&gateway).await;
            let token = |uid: Value, sub: &str, cid: &str| {
                let changes = json!({"uid": uid, "sub": sub, "cid": cid,
                    "email": "ann@example.com", "email_verified": true});
                gateway.provider.access_token("api://default", &changes)
            };
            let of_person = || token(json!("00u1"), "ann@example.com", "0oaOther");
            let old = of_person();
            let somebody_else = token(json!("00u2"), "00u1", "0oaOther");
            let of_others = [somebody_else, token(json!(null), "00u1", "00u1")];
            let ask = |token: &String| gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token));
            ask(&old).await.granted();
            gateway.later(1);
            end(&gateway, way, &mut browser).await;
            let ends = matches!(way, "notice by subject" | "universal logout");
            let want = if ends { "invalid_token" } else { "granted" };
            assert_eq!(ask(&old).await.reason(), want, "{way}, {claim}");
            for token in &of_others {
                ask(token).await.granted();
            }
            gateway.later(1);
            ask(&of_person()).await.granted();
        }
    }
}

#[tokio::test]
async fn j07_a_notice_of_session_and_person_ends_tokens_that_name_no_session() {
    let gateway = Gateway::new().await;
    let ask = |token: String| gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token));
    let none = gateway.provider.id_token(&json!({"sid": null}));
    let another = gateway.provider.id_token(&json!({"sid": "session-2"}));
    gateway.later(1);
    let token = gateway.provider.logout_token(&json!({}));
    assert_eq!(gateway.ask(backchannel(&token)).await.status, 200);
    ask(none).await.refused(401, "invalid_token");
    ask(another).await.granted();
}
