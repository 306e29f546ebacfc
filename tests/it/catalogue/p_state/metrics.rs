//! P18: what a client writes makes no new line of metrics.

use crate::support::{API, Ask, Browser, Gateway, PORTAL};
use portcullis::telemetry::LoginFailure;
use serde_json::json;
use std::collections::BTreeSet;

/// Names and labels, without values.
async fn series(gateway: &Gateway) -> BTreeSet<String> {
    let (_, text) = gateway.admin("/metrics").await;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// One request of each kind, with `word` wherever a client has a say.
async fn all_kinds(gateway: &Gateway, word: &str) {
    let provider = &gateway.provider;
    let signer = provider.signer();
    let pets = || Ask::get(&format!("{API}/pets"));
    let kid =
        signer.sign_as(&json!({"alg": "ES256", "kid": word}), &provider.bearer_claims(&json!({})));
    let user = json!({"sub": word, "email": format!("{word}@example.com"), "sid": word});
    let group = json!({"sub": word, "groups": [word]});
    let asks = vec![
        pets().bearer(&kid),
        pets().bearer(&provider.id_token(&user)),
        pets().bearer(&provider.id_token(&group)),
        pets().bearer(&provider.id_token(&json!({"iss": format!("https://{word}.example")}))),
        pets().bearer(&provider.id_token(&json!({"aud": word}))),
        pets().bearer(word),
        pets().path(&format!("/{word}")),
        pets().path(&format!("/{word}/../x")),
        pets().method(word),
        pets().host(&format!("{word}.example")),
        pets().host(&format!("{word},x")),
        pets().host(&format!("api.petstore.localhost:{}", word.len() + 1000)),
        pets().header("api-key", word),
        pets().header("user-agent", word),
        pets().header("x-request-id", word),
        pets().header("traceparent", word),
        pets().header("tracestate", word),
        pets().header(word, word),
        pets().header("cookie", &format!("__Host-portcullis-s={word}")),
        pets().context("portal", &format!("{word}.default")),
        pets().context("product", &format!("{word}.default")),
        pets().context("environment", &format!("{word}.default")),
        pets().context("access", word),
        pets().context(word, word),
        Ask::get(&format!("{PORTAL}/{word}")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/{word}")),
        Ask::get(&format!("{PORTAL}/.auth/login?return_to=/{word}")).navigate(),
        Ask::get(&format!("{PORTAL}/callback?error={word}&state={word}")).navigate(),
        Ask::get(&format!("{PORTAL}/callback?code={word}&state={word}&iss={word}")).navigate(),
        Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
            .body(&format!("logout_token={word}")),
    ];
    for ask in asks {
        gateway.ask(ask).await;
    }
    gateway.admin(&format!("/{word}")).await;
}

#[tokio::test]
async fn p18_no_word_of_a_client_is_a_label() {
    let gateway = Gateway::new().await;
    Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    all_kinds(&gateway, "first").await;
    let before = series(&gateway).await;
    assert!(before.len() > 10, "{before:?}");
    for at in 0..40_u32 {
        all_kinds(&gateway, &format!("w{:x}", at.wrapping_mul(2_654_435_761))).await;
    }
    assert_eq!(series(&gateway).await, before);
    let text = gateway.admin("/metrics").await.1;
    assert!(!text.contains("first") && !text.contains("example.com"), "{text}");
}

#[tokio::test]
async fn p18_labels_have_names_of_the_policy_and_reasons_of_the_contract_alone() {
    let gateway = Gateway::new().await;
    all_kinds(&gateway, "word").await;
    let mut known = vec![
        "",
        "petstore-portal.default",
        "dev.default",
        "allow",
        "deny",
        "redirect",
        "started",
        "completed",
        "failed",
        "in_force",
        "policy",
        "sealing_keys",
        env!("CARGO_PKG_VERSION"),
        "refused",
        "verified",
        "remembered",
        "well",
        "granted",
        "endpoint",
        "no_credentials",
        "invalid_session",
        "invalid_token",
        "not_granted",
        "ambiguous_request",
        "no_route",
        "bad_callback",
        gateway.provider.issuer.as_str(),
        "internal",
        "deadline_too_short",
        "refreshed",
        "ended",
        "unavailable",
        "revoked",
        "malformed",
        "unknown",
        "expired",
        "petstore-product.default",
        "limited",
    ];
    known.extend(LoginFailure::ALL.map(LoginFailure::as_str));
    for line in series(&gateway).await {
        let labels = line.split_once('{').map_or("", |(_, labels)| labels).trim_end_matches('}');
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').expect("a label");
            let value = value.trim_matches('"');
            assert!(name == "le" || known.contains(&value), "{line}");
        }
    }
}
