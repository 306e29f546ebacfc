//! API keys: group N. There are none yet, so every key is an unknown one, and that is what it is
//! answered.

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use portcullis::attributes::Headers;
use portcullis::credential::{Credential, classify};
use serde_json::json;

fn pets() -> Ask {
    Ask::get(&format!("{API}/pets"))
}

#[tokio::test]
async fn n03_a_key_of_any_form_is_refused_as_unknown() {
    let gateway = Gateway::new().await;
    let long = "k".repeat(10 * 1024);
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
    for key in keys {
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
    let gateway = Gateway::with(Setup::default()).await;
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
    // A million: a key is told apart and forgotten; nothing is kept of it.
    let mut headers = Headers::default();
    headers.add("api-key", "k".repeat(64));
    for _time in 0..1_000_000 {
        assert!(matches!(classify(&headers), Credential::ApiKey(_)));
    }
}
