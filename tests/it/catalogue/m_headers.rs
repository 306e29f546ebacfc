//! Identity headers: group M. What the upstream gets to see.

mod forged;
mod values;

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;

#[tokio::test]
async fn m10_a_refusal_says_nothing_of_who_asked_or_of_the_policy() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["Everyone", "SecretGroup"]));
    let mut browser = Browser::default();
    browser.visit(&gateway, &format!("{API}/pets")).await.1.refused(403, "not_granted");
    let token = gateway.provider.id_token(&json!({"groups": ["SecretGroup"]}));
    let late = gateway.provider.id_token(&json!({"exp": 1, "iat": 0}));
    let pets = || Ask::get(&format!("{API}/pets"));
    let page = |ask: Ask| ask.navigate().header("sec-fetch-site", "cross-site");
    let asks = [
        browser.dress(pets()),
        browser.dress(page(pets())),
        browser.dress(page(pets()).method("POST")),
        browser.dress(pets().method("POST")),
        pets().bearer(&token),
        page(pets()).bearer(&token),
        pets().bearer(&late),
        pets().bearer("x.y.z"),
        pets().header("upgrade", "websocket"),
        pets().header("content-type", "application/grpc").bearer(&token),
        browser.dress(Ask::get(&format!("{API}/elsewhere/%2e%2e"))),
        browser.dress(pets().context("environment", "other.default")),
    ];
    let ours = ["x-user-", "x-portcullis-", "authorization", "cookie"];
    let secret = [
        "00u1",
        "ann@example.com",
        "SecretGroup",
        "PetstoreUsers",
        "Everyone",
        "petstore-product",
        "oidc-group",
        "petstore-portal",
        "dev.default",
        "session-1",
        "127.0.0.1",
    ];
    for ask in asks {
        let answer = gateway.ask(ask).await;
        assert!(
            !answer.allowed && answer.set.is_empty() && answer.removed.is_empty(),
            "{answer:?}"
        );
        answer.refused(answer.status, answer.reason());
        for (name, value) in answer.headers.iter().filter(|(name, _)| name != "set-cookie") {
            assert!(!ours.iter().any(|start| name.starts_with(start)), "{name}");
            let leak = secret.iter().find(|secret| value.contains(**secret));
            assert_eq!(leak, None, "{name}: {value}");
        }
        let leak = secret.iter().find(|secret| answer.body.contains(**secret));
        assert_eq!(leak, None, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_bearer_goes_to_apis_and_not_to_portals_unless_settings_say_otherwise() {
    let cases = [
        (None, API, true),
        (None, PORTAL, false),
        (Some("true"), PORTAL, true),
        (Some("false"), API, false),
    ];
    for (setting, host, forwarded) in cases {
        let setup = setting.map_or_else(Setup::default, |value| {
            Setup::default().setting("forward_authorization", value)
        });
        let gateway = Gateway::with(setup).await;
        let token = gateway.provider.id_token(&json!({}));
        let answer = gateway.ask(Ask::get(&format!("{host}/pets")).bearer(&token)).await;
        answer.granted();
        let removed = answer.removed.contains("authorization");
        assert_eq!(removed, !forwarded, "{setting:?} {host}");
    }
}
