//! Our own endpoints, and key rotation at the provider behind them.

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;

#[tokio::test]
async fn everything_below_our_base_is_ours_and_never_reaches_the_upstream() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    for path in ["/.auth", "/.auth/", "/.auth/nonsense", "/.auth/login/x", "/.%61uth/nonsense"] {
        let ask = browser.dress(Ask::get(&format!("{PORTAL}{path}"))).context("access", "public");
        let answer = gateway.ask(ask).await;
        answer.refused(403, "no_route");
    }
    // On an API host the redirect URI's path is the upstream's.
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(Ask::get(&format!("{API}/callback")).bearer(&token)).await.granted();
}

#[tokio::test]
async fn a_host_that_is_nobody_s_has_no_endpoints() {
    let gateway = Gateway::new().await;
    for path in ["/.auth/login", "/.auth/userinfo", "/callback?code=a&state=b"] {
        let ask = Ask::get(&format!("http://evil.localhost{path}")).navigate();
        gateway.ask(ask).await.refused(403, "no_route");
    }
}

#[tokio::test]
async fn the_gateway_s_context_has_to_agree_with_the_host_of_an_endpoint_too() {
    let gateway = Gateway::new().await;
    let right = [
        (PORTAL, "portal", "petstore-portal.default"),
        (API, "portal", "petstore-portal.default"),
        (API, "environment", "dev.default"),
        (API, "product", "petstore-product.default"),
    ];
    for (host, key, value) in right {
        let ask = || Ask::get(&format!("{host}/.auth/login")).navigate();
        gateway
            .ask(ask().context(key, value))
            .await
            .sent_to(&gateway.provider.issuer, "no_credentials");
        for wrong in ["", "other.default", "petstore-portal"] {
            gateway.ask(ask().context(key, wrong)).await.refused(403, "no_route");
        }
    }
    let portal_s = Ask::get(&format!("{PORTAL}/.auth/userinfo"));
    gateway.ask(portal_s.context("environment", "dev.default")).await.refused(403, "no_route");
}

#[tokio::test]
async fn a_login_begins_by_a_page_load_and_by_nothing_else() {
    let gateway = Gateway::new().await;
    for name in ["login", "signup"] {
        let url = format!("{PORTAL}/.auth/{name}?return_to=/a");
        let get = || Ask::get(&url);
        let unwanted = [
            ("fetch", get().fetch()),
            ("image", get().header("sec-fetch-mode", "no-cors").header("sec-fetch-dest", "image")),
            ("iframe", get().navigate().header("sec-fetch-dest", "iframe")),
            ("prefetch", get().navigate().header("sec-purpose", "prefetch")),
            ("prerender", get().navigate().header("purpose", "prefetch")),
        ];
        for (what, ask) in unwanted {
            let answer = gateway.ask(ask).await;
            assert_eq!((answer.status, answer.reason()), (401, "no_credentials"), "{name}: {what}");
            assert!(answer.set_cookies().is_empty(), "{name}: {what}");
        }
        for method in ["POST", "HEAD", "PUT", "DELETE"] {
            let answer = gateway.ask(get().navigate().method(method)).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")), "{name}");
        }
        gateway.ask(get().navigate()).await.sent_to(&gateway.provider.issuer, "no_credentials");
    }
}

#[tokio::test]
async fn endpoints_may_live_elsewhere() {
    let setup = Setup::default().setting("endpoints", "{base: /-/auth, callback: /cb}");
    let gateway = Gateway::with(setup).await;
    let login = Ask::get(&format!("{PORTAL}/-/auth/login")).navigate();
    let answer = gateway.ask(login).await;
    answer.sent_to(&gateway.provider.issuer, "no_credentials");
    let callback = "redirect_uri=http%3A%2F%2Fportal.petstore.localhost%3A10000%2Fcb&";
    assert!(answer.location().contains(callback), "{}", answer.location());
    let before = gateway.ask(Ask::get(&format!("{PORTAL}/.auth/userinfo"))).await;
    before.refused(401, "no_credentials");
    assert_eq!(before.text("decision"), "deny");
}

#[tokio::test]
async fn a_key_rotation_at_the_provider_fails_no_request() {
    let gateway = Gateway::new().await;
    let old = gateway.provider.id_token(&json!({}));
    let mut before = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let mut under_way = Browser::default();
    let callback = under_way.callback(&gateway, &format!("{PORTAL}/a")).await;
    gateway.provider.rotate("key-2");
    under_way.visit(&gateway, &callback).await.1.granted();
    let new = gateway.provider.id_token(&json!({}));
    for token in [&old, &new, &old] {
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await.granted();
    }
    before.load(&gateway, &format!("{PORTAL}/")).await.granted();
    // A refresh brings a token of a key that nobody has seen yet.
    gateway.later(3400);
    before.load(&gateway, &format!("{PORTAL}/")).await.granted();
    gateway.provider.rotate("key-3");
    gateway.later(260);
    before.load(&gateway, &format!("{PORTAL}/")).await.granted();
}

#[tokio::test]
async fn a_key_that_is_withdrawn_counts_no_more() {
    let gateway = Gateway::new().await;
    let old = gateway.provider.id_token(&json!({}));
    let ask = || gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&old));
    ask().await.granted();
    gateway.provider.rotate("key-2");
    gateway.provider.turn(|knobs| {
        knobs.published.remove(0);
    });
    let issuer = gateway.providers.report()[0].issuer.clone();
    gateway.providers.refresh_keys(&issuer).await.expect("fetched");
    ask().await.refused(401, "invalid_token");
}

#[tokio::test]
async fn logins_with_every_way_to_prove_the_client_but_the_right_one_fail() {
    // The fake provider takes `client_secret_basic` alone.
    for (way, good) in [("basic", true), ("post", false), ("none", false)] {
        let portal = format!("{{petstore-portal.default: {{client_authentication: {way}}}}}");
        let gateway = Gateway::with(Setup::default().setting("portals", &portal)).await;
        let mut browser = Browser::default();
        let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
        let answer = browser.load(&gateway, &callback).await;
        assert_eq!(answer.set_cookie("__Host-portcullis-s").is_some(), good, "{way}");
    }
}
