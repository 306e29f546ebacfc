//! What a refresh brings: tokens that hold or not, none, other groups.

use super::{SESSION, home, plain, refreshes, setup};
use crate::support::knobs::Forge;
use crate::support::token::Signer;
use crate::support::{API, Ask, Browser, Gateway, Setup, Trouble};
use serde_json::json;
use std::sync::Arc;

const STORES: [fn(Setup) -> Setup; 2] = [|setup| setup, Setup::in_memory];

#[tokio::test]
async fn k02_a_refreshed_id_token_of_another_login_destroys_the_session() {
    let gateway = Gateway::with(setup()).await;
    let now = || gateway.clock.now().0;
    let faults = [
        ("right", json!({})),
        ("no nonce", json!({"nonce": null})),
        ("no auth_time", json!({"auth_time": null})),
        ("another subject", json!({"sub": "00u2"})),
        ("the subject in capitals", json!({"sub": "00U1"})),
        ("no subject", json!({"sub": null})),
        ("an empty subject", json!({"sub": ""})),
        ("another audience", json!({"aud": "other"})),
        ("a second audience", json!({"aud": ["0oaPetstore", "other"]})),
        ("no audience", json!({"aud": null})),
        ("another issuer", json!({"iss": "https://evil.example"})),
        ("a slash more", json!({"iss": format!("{}/", gateway.provider.issuer)})),
        ("several issuers", json!({"iss": [gateway.provider.issuer]})),
        ("another nonce", json!({"nonce": "other"})),
        ("an empty nonce", json!({"nonce": ""})),
        ("an older auth_time", json!({"auth_time": now() - 1000})),
        ("a newer auth_time", json!({"auth_time": now() + 100_000})),
        ("another party", json!({"azp": "other"})),
        ("another access token's hash", json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
        ("an access token", json!({"scp": ["openid"], "cid": "x"})),
    ];
    for (at, (name, fault)) in faults.into_iter().enumerate() {
        gateway.later(61);
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.refreshed = fault);
        gateway.later(3660);
        let thief = browser.clone();
        let answer = browser.send(&gateway, Ask::get(&home())).await;
        if at < 3 {
            assert!(answer.allowed, "{name}: {answer:?}");
            continue;
        }
        assert_eq!((answer.status, answer.reason()), (401, "invalid_session"), "{name}");
        assert!(answer.set_cookie(SESSION).expect("cleared").contains("Max-Age=0"), "{name}");
        // It is over for every copy of the cookie, and on the other host it never counted.
        gateway.provider.turn(|knobs| knobs.refreshed = json!({}));
        plain(&gateway, &thief).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn k02_times_of_a_refreshed_id_token_are_judged() {
    let gateway = Gateway::with(setup()).await;
    let later = gateway.clock.now().0 + 61 + 3660;
    for (name, fault) in [
        ("expired", json!({"exp": later - 61})),
        ("no expiry", json!({"exp": null})),
        ("from the future", json!({"iat": later + 61})),
        ("issued long ago", json!({"iat": later - 661})),
        ("lives too long", json!({"exp": later + 100_000})),
    ] {
        let gateway = Gateway::with(setup()).await;
        gateway.later(61);
        let browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.refreshed = fault);
        gateway.later(3660);
        let answer = plain(&gateway, &browser).await;
        assert_eq!((answer.status, answer.reason()), (401, "invalid_session"), "{name}");
    }
}

#[tokio::test]
async fn k02_a_refreshed_id_token_with_a_bad_signature_destroys_the_session() {
    let other = Signer::new("key-1");
    let forges: [(&str, Forge); 3] = [
        ("another key of that name", Arc::new(move |claims| other.sign(&claims))),
        (
            "no signature",
            Arc::new(|claims| {
                let token = Signer::new("key-1").sign(&claims);
                format!("{}.", token.rsplit_once('.').expect("parts").0)
            }),
        ),
        ("no token", Arc::new(|_claims| "x".to_owned())),
    ];
    for (name, forge) in forges {
        let gateway = Gateway::with(setup()).await;
        let browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.forge_refreshed = Some(forge));
        gateway.later(3660);
        let answer = plain(&gateway, &browser).await;
        assert_eq!((answer.status, answer.reason()), (401, "invalid_session"), "{name}");
        gateway.provider.turn(|knobs| knobs.forge_refreshed = None);
        plain(&gateway, &browser).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn k03_without_a_new_refresh_token_the_old_one_stays() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.response = json!({"refresh_token": null}));
        for turn in 1..=3 {
            gateway.later(3660);
            browser.load(&gateway, &home()).await.granted();
            assert_eq!(refreshes(&gateway), turn);
        }
    }
}

#[tokio::test]
async fn k07_an_answer_that_is_lost_after_the_rotation_costs_one_more_try_and_no_session() {
    let quick = "{allow_http: true, allow_addresses: [127.0.0.0/8], timeout: 1s}";
    let (gateway, line) = Gateway::behind_a_line(setup().setting("provider", quick)).await;
    gateway.provider.turn(|knobs| knobs.rotation = Some(30));
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    // The provider rotates, and nobody hears of it.
    line.trouble(Trouble::Deaf).await;
    browser.load(&gateway, &home()).await.granted();
    assert_eq!(refreshes(&gateway), 2, "one more try, and not three");
    // Within its grace the old token is good still.
    line.trouble(Trouble::None).await;
    gateway.later(16);
    assert!(browser.load(&gateway, &home()).await.set_cookie(SESSION).is_some());
    assert_eq!((refreshes(&gateway), gateway.provider.reuses()), (3, 0));
    gateway.later(3660);
    browser.load(&gateway, &home()).await.granted();
    assert_eq!((refreshes(&gateway), gateway.provider.reuses()), (4, 0));
}

#[tokio::test]
async fn k07_what_was_never_sent_or_was_turned_away_is_not_tried_again_at_once() {
    for (error, tries) in [(429, 1), (500, 2), (503, 2), (400, 1), (401, 1), (404, 1)] {
        let gateway = Gateway::with(setup()).await;
        let browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.token_error = Some((error, "invalid_client")));
        gateway.later(3660);
        plain(&gateway, &browser).await.granted();
        assert_eq!(refreshes(&gateway), tries, "{error}");
    }
}

#[tokio::test]
async fn k08_fewer_groups_count_at_once_in_every_tab() {
    for store in STORES {
        let gateway = Gateway::with(store(setup())).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let tab = browser.clone();
        gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["Other"]));
        gateway.later(3660);
        browser.load(&gateway, &home()).await.refused(403, "not_granted");
        // A tab that has the old cookie does not have the old rights.
        plain(&gateway, &tab).await.refused(403, "not_granted");
        gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["PetstoreUsers"]));
        gateway.later(3660);
        plain(&gateway, &tab).await.granted();
        browser.load(&gateway, &home()).await.granted();
        assert_eq!(refreshes(&gateway), 2);
    }
}

#[tokio::test]
async fn k08_a_refresh_asks_for_no_more_scopes_than_were_granted() {
    let gateway = Gateway::with(setup()).await;
    gateway.provider.turn(|knobs| {
        knobs.response = json!({"scope": "openid offline_access groups"});
        knobs.max_scopes = Some("openid offline_access groups");
    });
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    for narrower in ["openid groups", "openid groups", "openid"] {
        gateway.provider.turn(|knobs| knobs.response = json!({"scope": narrower}));
        gateway.later(3660);
        browser.load(&gateway, &home()).await.granted();
        gateway.provider.turn(|knobs| knobs.max_scopes = Some(narrower));
    }
    assert_eq!(refreshes(&gateway), 3);
}

#[tokio::test]
async fn k10_without_an_id_token_the_identity_stays_and_no_claim_is_made_up() {
    for userinfo in [json!({}), json!({"groups": null, "email": "eve@evil.example"})] {
        let gateway = Gateway::with(setup()).await;
        let mut browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
        let before = browser.load(&gateway, &format!("{API}/pets")).await;
        gateway.provider.turn(|knobs| {
            knobs.response = json!({"id_token": null, "expires_in": 1800});
            knobs.userinfo = userinfo;
        });
        gateway.later(3660);
        let after = browser.load(&gateway, &format!("{API}/pets")).await;
        assert_eq!(after.granted().set, before.granted().set);
        // For as long as the tokens hold, and then it is asked again.
        gateway.later(1860);
        browser.load(&gateway, &format!("{API}/pets")).await.granted();
        assert_eq!(refreshes(&gateway), 2);
    }
}

#[tokio::test]
async fn k10_without_an_id_token_userinfo_says_which_groups_there_are() {
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    gateway.provider.turn(|knobs| {
        knobs.response = json!({"id_token": null, "expires_in": u64::MAX});
        knobs.person["groups"] = json!(["Other"]);
    });
    gateway.later(3660);
    browser.load(&gateway, &home()).await.refused(403, "not_granted");
    // "For ever" is a day at most: then it is asked again. Userinfo of somebody else ends the session.
    gateway.provider.turn(|knobs| {
        knobs.response = json!({});
        knobs.person["groups"] = json!(["PetstoreUsers"]);
    });
    gateway.later(61);
    let late = Browser::signed_in(&gateway, &home()).await;
    gateway.provider.turn(|knobs| {
        knobs.response = json!({"id_token": null});
        knobs.userinfo = json!({"sub": "00u2"});
    });
    gateway.later(3660);
    plain(&gateway, &late).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn k02_what_the_provider_says_of_the_person_ends_the_session_and_of_us_does_not() {
    let cases = [
        (400, "invalid_grant", false),
        (400, "interaction_required", false),
        (400, "login_required", false),
        (403, "access_denied", false),
        (400, "invalid_scope", false),
        (401, "invalid_client", true),
        (400, "unauthorized_client", true),
        (400, "invalid_request", true),
        (403, "<html>", true),
    ];
    for (status, error, goes_on) in cases {
        let gateway = Gateway::with(setup()).await;
        let browser = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.token_error = Some((status, error)));
        gateway.later(3660);
        let answer = plain(&gateway, &browser).await;
        assert_eq!(answer.allowed, goes_on, "{error}: {answer:?}");
        gateway.later(7200);
        // Never past the grace, whatever it is.
        plain(&gateway, &browser).await.refused(401, "invalid_session");
    }
}
