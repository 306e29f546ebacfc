//! API keys of Gloo Portal, from their Secrets to the upstream.

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use portcullis::api_key::{KeyDigest, mint};
use portcullis::config;
use portcullis::policy::Snapshot;
use portcullis::reload::Loader;
use portcullis::secret::Secret;
use serde_json::json;
use std::sync::Arc;

/// A key of others, in plain.
pub(crate) const PLAIN: &str = "N2YwMDIxZTEtNGUzNS1jNzgz";

/// A minted one, of which the Secret has the digest.
pub(crate) fn minted() -> String {
    mint(&Secret::new([7; 32])).expose().clone()
}

/// The Secret of a key; `more` are further lines of its data.
pub(crate) fn secret(name: &str, key: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\ntype: extauth.solo.io/apikey\n\
         metadata: {{name: {name}, namespace: keys}}\nstringData:\n  {key}\n  environment: dev.default\n  \
         product: petstore-product.default\n  plan: basic\n{more}"
    )
}

/// The guide's product by two plans, with a second product beside it, and two keys.
pub(crate) fn setup() -> Setup {
    let digest = KeyDigest::of(&minted()).expect("a key").to_hex();
    Setup::default()
        .edit(
            "spec:\n  versions:\n  - name: v1\n",
            "spec:\n  usagePlans: [basic, tokens]\n  versions:\n  - name: v1\n",
        )
        .edit(
            "    versions: {tags: [stable]}\n",
            "    versions: {tags: [stable]}\n    basePath: /pets\n  \
             - {names: [store], basePath: /store, usagePlans: [basic]}\n  parameters:\n    \
             usagePlans:\n      basic: {authPolicy: {apiKey: {}}, rateLimit: {requestsPerUnit: 5, \
             unit: MINUTE}}\n      tokens: {authPolicy: {oauth: {}}}\n",
        )
        .add(
            "apiVersion: portal.gloo.solo.io/v1beta1\nkind: APIProduct\n\
             metadata: {name: store, namespace: default}\nspec: {versions: [{name: v1}]}\n",
        )
        .add(&secret("plain", &format!("api-key: {PLAIN}"), ""))
        .add(&secret("minted", &format!("api-key-digest: {digest}"), "  username: ann\n"))
}

/// The policy of these keys.
pub(crate) fn snapshot(keys: &[String]) -> Snapshot {
    let folder = tempfile::tempdir().expect("a folder");
    let named = keys.iter().enumerate().map(|(at, key)| {
        format!("---\n{}", secret(&format!("k{at}"), &format!("api-key: {key}"), ""))
    });
    let keys: String = named.collect();
    let setup = setup().setting("resources", "{paths: [portal, keys.yaml]}");
    setup.file("keys.yaml", &keys).write(folder.path(), "https://a.example");
    let parsed = config::load(&folder.path().join("portcullis.yaml")).expect("settings");
    let loaded = Loader::new(&parsed).load().expect("a policy");
    Arc::into_inner(loaded.snapshot).expect("nobody else has it")
}

pub(crate) fn pets() -> Ask {
    Ask::get(&format!("{API}/pets/1"))
}

#[tokio::test]
async fn a_key_opens_its_product_by_its_plan_and_names_its_secret() {
    let gateway = Gateway::with(setup()).await;
    assert_eq!(gateway.problems, []);
    for (key, name) in [(PLAIN, "plain"), (minted().as_str(), "minted")] {
        let ask = pets().header("api-key", key).header("x-user-id", "forged");
        let answer = gateway.ask(ask).await;
        answer.granted();
        assert_eq!(answer.set["x-user-id"], name);
        assert_eq!(answer.set["x-user-issuer"], "api-key:keys");
        assert_eq!(answer.set["x-portcullis-product"], "petstore-product.default");
        assert_eq!((answer.text("sub"), answer.text("usage_plan")), (name, "basic"));
        assert_eq!(answer.metadata["limit"], json!({"requests_per_unit": 5.0, "unit": "MINUTE"}));
        assert!(
            answer.removed.contains("x-user-email") && answer.removed.contains("x-user-groups")
        );
        // By default what a caller shows goes on to the APIs.
        assert!(!answer.removed.contains("api-key"));
        // A page's rules for cookies are not a key's.
        gateway.ask(pets().method("DELETE").header("api-key", key)).await.granted();
    }
}

#[tokio::test]
async fn a_key_goes_upstream_only_where_credentials_do() {
    let kept = setup().setting("forward_authorization", "false");
    let gateway = Gateway::with(kept).await;
    let answer = gateway.ask(pets().header("api-key", PLAIN)).await;
    answer.granted();
    assert!(answer.removed.contains("api-key") && answer.removed.contains("authorization"));
    let named = setup()
        .setting("forward_authorization", "false")
        .setting("api_keys", "{header: X-Pet-Key}")
        .setting("identity_headers", "{x-user-id: sub, x-user-name: username}");
    let gateway = Gateway::with(named).await;
    let answer = gateway.ask(pets().header("x-pet-key", &minted()).header("api-key", "k")).await;
    answer.granted();
    assert!(answer.removed.contains("x-pet-key") && !answer.removed.contains("api-key"));
    assert_eq!(answer.set["x-user-name"], "ann");
    gateway.ask(pets().header("api-key", PLAIN)).await.refused(401, "no_credentials");
    let both = pets().header("x-pet-key", PLAIN).bearer("a.b.c");
    gateway.ask(both).await.refused(400, "ambiguous_request");
}

#[tokio::test]
async fn a_bearer_is_a_key_only_where_the_settings_say_so_and_it_is_no_jwt() {
    let gateway = Gateway::with(setup()).await;
    gateway.ask(pets().bearer(PLAIN)).await.refused(401, "invalid_token");
    let gateway = Gateway::with(setup().setting("api_keys", "{bearer: true}")).await;
    for key in [PLAIN, minted().as_str()] {
        gateway.ask(pets().bearer(key)).await.granted();
        gateway.ask(pets().header("api-key", key)).await.granted();
    }
    let token = gateway.provider.id_token(&json!({}));
    let answer = gateway.ask(pets().bearer(&token)).await;
    assert_eq!((answer.status, answer.text("sub")), (200, "00u1"));
    // No second guess: neither is tried as the other, and no cookie after either.
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets/1")).await;
    for other in ["unknown", "a.b.c", "portcullis_", &format!("{PLAIN}.a.b")] {
        let ask = browser.dress(pets().bearer(other));
        gateway.ask(ask).await.refused(401, "invalid_token");
    }
    gateway
        .ask(pets().bearer(PLAIN).header("api-key", PLAIN))
        .await
        .refused(400, "ambiguous_request");
    gateway
        .ask(pets().header("authorization", &format!("Bearer {PLAIN},Bearer {PLAIN}")))
        .await
        .refused(400, "ambiguous_request");
}

#[tokio::test]
async fn a_key_opens_no_portal_and_none_of_its_endpoints() {
    let gateway = Gateway::with(setup()).await;
    let page = Ask::get(&format!("{PORTAL}/")).header("api-key", PLAIN);
    gateway.ask(page.clone()).await.refused(403, "not_granted");
    let page = gateway.ask(page.navigate()).await;
    assert!(page.refused(403, "not_granted").is_page() && page.location().is_empty());
    let info = Ask::get(&format!("{PORTAL}/.auth/userinfo")).header("api-key", PLAIN);
    assert_eq!(gateway.ask(info).await.status, 401);
}

#[tokio::test]
async fn in_shadow_keys_of_others_pass_however_many_there_are() {
    let setup = setup()
        .setting("api_keys", "{max_failures: 1}")
        .setting("portals", "{petstore-portal.default: {shadow_until: '2027-01-20T00:00:00Z'}}");
    let gateway = Gateway::with(setup).await;
    for _time in 0..5 {
        let answer =
            gateway.ask(pets().header("api-key", "of-the-old-gateway").from("192.0.2.1")).await;
        assert!(answer.allowed && answer.removed.contains("api-key"), "{answer:?}");
        assert_eq!(answer.reason(), "invalid_token");
        assert!(!answer.set.contains_key("x-user-id"));
    }
}
