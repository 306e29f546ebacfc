//! API keys: group N.

use crate::api_keys::{PLAIN, minted, secret, setup};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use portcullis::api_key::KeyDigest;
use portcullis::attributes::Headers;
use portcullis::credential::{Credential, classify};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// So many failures a minute that no test comes to the limit by the way.
fn unlimited(setup: Setup) -> Setup {
    setup.setting("api_keys", "{max_failures: 1000000}")
}

fn pets() -> Ask {
    Ask::get(&format!("{API}/pets"))
}

#[tokio::test]
async fn n03_a_key_of_any_form_is_refused_as_unknown() {
    let gateway = Gateway::with(unlimited(setup())).await;
    let long = "k".repeat(10 * 1024);
    let minted = minted();
    let near = [
        PLAIN.to_lowercase(),
        format!("{PLAIN}0"),
        format!("{PLAIN} {PLAIN}"),
        format!("\"{PLAIN}\""),
        PLAIN.trim_end_matches('z').to_owned(),
        minted.to_lowercase(),
        minted.trim_end_matches(|last| minted.ends_with(last)).to_owned(),
        format!("{minted}0"),
        KeyDigest::of(PLAIN).expect("a key").to_hex(),
    ];
    let keys = [
        "",
        " ",
        "k",
        "petstore_4f2a9c_0123456789abcdef",
        "PETSTORE_4F2A9C",
        " key ",
        "\"key\"",
        "'key'",
        "key\0",
        "key\r\nx-evil: 1",
        "key;admin",
        "Bearer key",
        "../../etc/passwd",
        "' or 1=1 --",
        "*",
        "k\u{e9}y",
        "eyJhbGciOiJub25lIn0.e30.",
        &long,
    ];
    for key in keys.into_iter().chain(near.iter().map(String::as_str)) {
        for name in ["api-key", "Api-Key", "API-KEY"] {
            let answer = gateway.ask(pets().header(name, key)).await;
            answer.refused(401, "invalid_token");
            assert!(answer.set_cookies().is_empty() && answer.location().is_empty());
            // The key is nobody's to read in the answer.
            assert!(key.trim().len() < 4 || !answer.body.contains(key.trim()), "{}", answer.body);
        }
        // A page load with a key is a program's: no login begins.
        let page = pets().navigate().header("api-key", key);
        assert!(gateway.ask(page).await.refused(401, "invalid_token").location().is_empty());
    }
}

#[tokio::test]
async fn n03_a_key_that_does_not_hold_leaves_no_way_back_to_the_cookie() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    gateway.ask(browser.dress(pets())).await.granted();
    for key in ["k", "", " "] {
        let ask = browser.dress(pets().header("api-key", key));
        let answer = gateway.ask(ask).await;
        answer.refused(401, "invalid_token");
        assert_eq!(answer.text("sub"), "");
        assert!(answer.set_cookies().is_empty(), "the session was touched");
    }
    // Another scheme is not ours, and stands beside a key without a word.
    let basic = pets().header("api-key", "k").header("authorization", "Basic dTpw");
    gateway.ask(browser.dress(basic)).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn n05_a_key_counts_in_its_header_alone() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let query = format!("{API}/pets?api-key=k&api_key=k&apikey=k&key=k&access_token={token}");
    let nowhere = [
        Ask::get(&query),
        pets().header("cookie", "api-key=k; api_key=k; apikey=k"),
        Ask::post(&format!("{API}/pets")).body("api-key=k&api_key=k"),
        Ask::post(&format!("{API}/pets")).body("{\"api-key\":\"k\"}"),
        pets().header("x-api-key", "k"),
        pets().header("api_key", "k"),
        pets().header("apikey", "k"),
        pets().header("x-apikey", "k"),
        pets().header("authorization", "ApiKey k"),
        pets().header("authorization", "api-key k"),
        pets().header("proxy-authorization", &format!("Bearer {token}")),
        pets().header("x-forwarded-access-token", &token),
        pets().header("x-auth-request-access-token", &token),
        pets().context("api-key", "k"),
    ];
    for ask in nowhere {
        // As if it was not there: nothing was shown that could be wrong.
        gateway.ask(ask.clone()).await.refused(401, "no_credentials");
        let answer = gateway.ask(ask.clone().header("api-key", "k")).await;
        answer.refused(401, "invalid_token");
        // And it spoils nothing beside a credential that holds.
        if !ask.has("authorization") {
            gateway.ask(ask.bearer(&token)).await.granted();
        }
    }
    let browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let ask = browser.dress(Ask::get(&format!("{PORTAL}/?api-key=k")));
    gateway.ask(ask).await.granted();
}

#[tokio::test]
async fn n05_two_credentials_are_none() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(pets().bearer(&token)).await.granted();
    let conflicts = [
        pets().bearer(&token).header("api-key", "k"),
        pets().bearer(&token).header("Api-Key", ""),
        pets().bearer("garbage").header("api-key", "k"),
        pets().header("authorization", "bearer").header("api-key", "k"),
        pets().header("api-key", "k,l"),
        pets().header("api-key", "k,k"),
        pets().header("api-key", ","),
        pets().header("api-key", "k").header("Api-Key", "k"),
        pets()
            .header("authorization", &format!("Basic dTpw,Bearer {token}"))
            .header("api-key", "k"),
    ];
    for ask in conflicts {
        gateway.ask(ask.clone()).await.refused(400, "ambiguous_request");
        let page = gateway.ask(ask.navigate()).await;
        assert!(page.refused(400, "ambiguous_request").is_page());
    }
}

#[tokio::test]
async fn n08_any_number_of_random_keys_costs_nobody_anything() {
    let gateway = Gateway::with(unlimited(setup())).await;
    let token = gateway.provider.id_token(&json!({}));
    let calls = |gateway: &Gateway| {
        ["/keys", "/userinfo", "/token", "/.well-known/openid-configuration"]
            .map(|path| gateway.provider.calls(path, ""))
    };
    gateway.ask(pets().header("api-key", "first")).await.refused(401, "invalid_token");
    let before = calls(&gateway);
    let (_, metrics) = gateway.admin("/metrics").await;
    for at in 0..500_u32 {
        let key = format!("petstore_{at:08x}_{}", at.wrapping_mul(2_654_435_761));
        gateway.ask(pets().header("api-key", &key)).await.refused(401, "invalid_token");
    }
    assert_eq!(calls(&gateway), before, "a key was looked up");
    let (_, after) = gateway.admin("/metrics").await;
    assert_eq!(after.lines().count(), metrics.lines().count(), "a line of metrics for a key");
    gateway.ask(pets().bearer(&token)).await.granted();
    gateway.ask(pets().header("api-key", PLAIN)).await.granted();
    // A million: a key is told apart and forgotten; nothing is kept of it.
    let mut headers = Headers::default();
    headers.add("api-key", "k".repeat(64));
    for _time in 0..1_000_000 {
        assert!(matches!(classify(&headers), Credential::ApiKey(_)));
    }
}

#[tokio::test]
async fn n02_a_key_that_is_over_or_taken_back_is_refused() {
    // The clock of these tests begins at 2027-01-15T08:00:00Z.
    let soon = secret(
        "soon",
        "api-key: ends-in-a-minute-and-no-later",
        "  expires: '2027-01-15T08:01:00Z'\n",
    );
    let gateway = Gateway::with(setup().add(&soon)).await;
    let ask = |key: &str| pets().header("api-key", key);
    let over = || ask("ends-in-a-minute-and-no-later");
    gateway.ask(over()).await.granted();
    gateway.later(59);
    gateway.ask(over()).await.granted();
    gateway.later(1);
    gateway.ask(over()).await.refused(401, "invalid_token");
    assert_eq!(gateway.metric("portcullis_api_key_failures_total{reason=\"expired\"}").await, 1);
    // The owner is disabled: its User is there, and has nothing any more.
    gateway.ask(ask(&minted())).await.granted();
    let disabled = setup().add(
        "apiVersion: portal.gloo.solo.io/v1beta1\nkind: User\nmetadata: {name: ann}\n\
         spec: {username: ann}\n",
    );
    disabled.write(gateway.folder.path(), &gateway.provider.issuer);
    gateway.load().await;
    gateway.ask(ask(&minted())).await.refused(403, "not_granted");
    gateway.ask(ask(PLAIN)).await.granted();
}

#[tokio::test]
async fn n04_a_key_of_one_product_does_not_open_another() {
    let gateway = Gateway::with(setup()).await;
    for key in [PLAIN, minted().as_str()] {
        gateway.ask(pets().header("api-key", key)).await.granted();
        let other = Ask::get(&format!("{API}/store/1")).header("api-key", key);
        let answer = gateway.ask(other).await;
        answer.refused(403, "not_granted");
        assert!(answer.set_cookies().is_empty());
        let portal = Ask::get(&format!("{PORTAL}/")).header("api-key", key);
        gateway.ask(portal).await.refused(403, "not_granted");
    }
}

#[tokio::test]
async fn n07_who_fails_too_often_hears_429_and_locks_nobody_out() {
    let gateway = Gateway::with(setup().setting("api_keys", "{max_failures: 20}")).await;
    let bad = |from: &str| pets().header("api-key", "no-such-key").from(from);
    for _time in 0..20 {
        gateway.ask(bad("192.0.2.1")).await.refused(401, "invalid_token");
    }
    for _time in 0..80 {
        let answer = gateway.ask(bad("192.0.2.1")).await;
        answer.refused(429, "limit");
        let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
    // A key that holds passes from the same address, and a bad one of somebody else is only bad.
    gateway.ask(pets().header("api-key", PLAIN).from("192.0.2.1")).await.granted();
    gateway.ask(bad("192.0.2.2")).await.refused(401, "invalid_token");
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(pets().bearer(&token).from("192.0.2.1")).await.granted();
    // Nobody believes what the client says of itself.
    let forwarded = bad("192.0.2.1").header("x-forwarded-for", "192.0.2.3");
    gateway.ask(forwarded).await.refused(429, "limit");
    // Many addresses that guess at keys like a good one do nothing to that one.
    for at in 0..=255 {
        let guess = format!("{PLAIN}{at}");
        gateway.ask(pets().header("api-key", &guess).from(&format!("198.51.100.{at}"))).await;
    }
    gateway.ask(pets().header("api-key", PLAIN).from("203.0.113.1")).await.granted();
    gateway.later(60);
    gateway.ask(bad("192.0.2.1")).await.refused(401, "invalid_token");
    assert_eq!(gateway.metric("portcullis_api_key_failures_total{reason=\"limited\"}").await, 81);
}

#[tokio::test]
async fn n07_behind_a_proxy_the_client_is_whom_the_proxy_names() {
    let settings = "{max_failures: 1, forwarded_for: 2}";
    let gateway = Gateway::with(setup().setting("api_keys", settings)).await;
    let bad = |fields: &str| {
        pets().header("api-key", "k").from("10.0.0.1").header("x-forwarded-for", fields)
    };
    gateway.ask(bad("192.0.2.1, 10.0.0.2")).await.refused(401, "invalid_token");
    // What the client put before it changes nothing.
    gateway.ask(bad("192.0.2.9, 192.0.2.1, 10.0.0.2")).await.refused(429, "limit");
    gateway.ask(bad("192.0.2.2, 10.0.0.2")).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn n11_nothing_that_is_kept_or_told_holds_a_key() {
    let gateway = Gateway::with(setup()).await;
    gateway.ask(pets().header("api-key", PLAIN)).await.granted();
    let told = gateway.admin("/metrics").await.1 + &gateway.admin("/readyz").await.1;
    let digest = KeyDigest::of(&minted()).expect("a key").to_hex();
    for hidden in [PLAIN, &minted(), &digest] {
        assert!(!told.contains(hidden));
    }
    // What a leaked Secret holds of a minted key opens nothing.
    gateway.ask(pets().header("api-key", &digest)).await.refused(401, "invalid_token");
    assert_eq!(minted().len(), "portcullis_".len() + 43 + 6, "62^43 is more than 2^256");
}

#[tokio::test]
async fn n12_a_key_that_is_taken_back_is_gone_with_the_next_load() {
    let gateway = Gateway::with(setup()).await;
    let ask = || pets().header("api-key", PLAIN);
    for _time in 0..3 {
        gateway.ask(ask()).await.granted();
    }
    let gone = setup().edit(PLAIN, "another-key-in-its-place");
    gone.write(gateway.folder.path(), &gateway.provider.issuer);
    gateway.load().await;
    gateway.ask(ask()).await.refused(401, "invalid_token");
    gateway.ask(pets().header("api-key", "another-key-in-its-place")).await.granted();
    let none = setup().edit("type: extauth.solo.io/apikey\n", "");
    none.write(gateway.folder.path(), &gateway.provider.issuer);
    gateway.load().await;
    gateway
        .ask(pets().header("api-key", "another-key-in-its-place"))
        .await
        .refused(401, "invalid_token");
    gateway.ask(pets().header("api-key", &minted())).await.refused(401, "invalid_token");
}

/// Keys that are there and keys that are not take the same time: 10,000 of each in turns, and the middle of
/// them is compared. What a difference in the bytes of a digest could make is far below what is allowed here;
/// what a comparison that ends early, or a second look, would make is not. The look-up is keyed and the
/// comparison takes its time by construction.
#[test]
fn n09_a_key_that_is_there_takes_no_other_time_than_one_that_is_not() {
    use portcullis::policy::Snapshot;
    let files: Vec<String> =
        (0..1000).map(|at| format!("key-number-{at:05}-of-the-table")).collect();
    let snapshot: Snapshot = crate::api_keys::snapshot(&files);
    let mut spent = [Vec::new(), Vec::new()];
    for round in 0..10_000_usize {
        let at = round % files.len();
        let there = &files[at];
        let absent = format!("key-number-{at:05}-of-no-table");
        for (which, key) in [(0, there.as_str()), (1, absent.as_str())] {
            let started = Instant::now();
            let found = KeyDigest::of(key).ok().is_some_and(|digest| {
                snapshot.api_keys.find(std::hint::black_box(&digest)).is_some()
            });
            spent[which].push(started.elapsed());
            assert_eq!(found, which == 0);
        }
    }
    let [there, absent] = spent.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let apart = there.abs_diff(absent);
    assert!(apart < Duration::from_micros(2), "{there:?} and {absent:?}");
}
