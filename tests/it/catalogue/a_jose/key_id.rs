//! `kid`: the exact name of one key that is for verifying, and nothing that is looked up elsewhere.

use super::refused;
use crate::support::token::{Signer, with};
use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL, Ways};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

#[tokio::test]
async fn a17_a_token_without_kid_is_refused_however_many_keys_there_are() {
    let ways = Ways::new().await;
    let one = ways.gateway.provider.signer();
    for header in [r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","typ":"JWT"}"#] {
        refused(&ways, header).await;
    }
    ways.gateway.publish(&[one.clone(), Signer::new("key-2")], &[]).await;
    refused(&ways, r#"{"alg":"ES256"}"#).await;
    // A key without a name does not serve tokens without one either.
    let nameless = with(one.jwk(), &json!({"kid": null}));
    ways.gateway.publish(&[Signer::new("key-2")], &[nameless]).await;
    let forge = move |claims: Value| one.sign_as(&json!({"alg": "ES256"}), &claims);
    ways.refused("a nameless key", forge).await;
    let own = ways.gateway.provider.signer();
    ways.taken("the key with a name", move |claims| own.sign(&claims)).await;
}

#[tokio::test]
async fn a19_a_kid_of_no_or_too_great_length_or_no_string_is_refused() {
    let ways = Ways::new().await;
    for kid in kids_that_are_none() {
        refused(&ways, &format!(r#"{{"alg":"ES256","kid":{kid}}}"#)).await;
    }
}

/// What is no `kid`, as JSON.
fn kids_that_are_none() -> Vec<String> {
    let long = |length: usize| format!("\"{}\"", "k".repeat(length));
    let wide = format!("\"{}\"", "\u{e9}".repeat(129));
    let others = [r#""""#, "null", "5", "true", r#"["key-1"]"#, r#"{"kid":"key-1"}"#];
    let others = others.into_iter().map(str::to_owned);
    [long(257), long(4000), long(10_000), wide].into_iter().chain(others).collect()
}

#[tokio::test]
async fn a19_such_a_kid_makes_nobody_fetch() {
    // The clock stands still, and the one fetch for unknown keys is not used up.
    let gateway = Gateway::new().await;
    let before = gateway.provider.calls("/keys", "");
    for kid in kids_that_are_none() {
        let header = format!(r#"{{"alg":"ES256","kid":{kid}}}"#);
        bearer(&gateway, &header).await.refused(401, "invalid_token");
        callback(&gateway, &header).await.refused(400, "bad_callback");
    }
    assert_eq!(gateway.provider.calls("/keys", ""), before);
    // It would fetch for a name that could be one.
    let longest = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(256));
    bearer(&gateway, &longest).await.refused(401, "invalid_token");
    assert_eq!(gateway.provider.calls("/keys", ""), before + 1);
}

async fn bearer(gateway: &Gateway, header: &str) -> Answer {
    let claims = gateway.provider.bearer_claims(&json!({})).to_string();
    let token = gateway.provider.signer().sign_text(header, &claims);
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await
}

async fn callback(gateway: &Gateway, header: &str) -> Answer {
    let (signer, header) = (gateway.provider.signer(), header.to_owned());
    gateway.provider.turn(|knobs| {
        knobs.forge_login =
            Some(Arc::new(move |claims| signer.sign_text(&header, &claims.to_string())));
    });
    let mut browser = Browser::default();
    let url = browser.callback(gateway, &format!("{PORTAL}/home")).await;
    browser.load(gateway, &url).await
}

#[tokio::test]
async fn a20_a_kid_that_names_a_place_is_a_name_like_any_other() {
    let ways = Ways::new().await;
    let known = ways.gateway.provider.paths();
    for kid in [
        "../../../../dev/null",
        "/proc/self/environ",
        "file:///etc/passwd",
        "/dev/null",
        "/dev/random",
        "..",
        "portal/all.yaml",
        "session.keys",
        "C:\\\\windows\\\\win.ini",
        "\\\\\\\\evil.example\\\\share",
        "http://evil.example/keys",
        "key-1/../key-1",
        "key-1?",
        "key-1#",
        "%6bey-1",
        "key-1\\u0000.pem",
    ] {
        refused(&ways, &format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#)).await;
    }
    // Nothing is asked for but what is always asked for.
    let asked: Vec<_> = ways.gateway.provider.paths().difference(&known).cloned().collect();
    let usual = ["/token", "/userinfo"];
    assert!(asked.iter().all(|path| usual.contains(&path.as_str())), "{asked:?}");
    // Such a name is the key's own, if the provider says so.
    let signer = Signer::new("../../../../dev/null");
    ways.gateway.publish(std::slice::from_ref(&signer), &[]).await;
    ways.taken("its name", move |claims| signer.sign(&claims)).await;
}

#[test]
fn a20_what_reads_tokens_has_no_way_to_open_a_file() {
    let mut looked = 0;
    for file in ["src/token", "src/token.rs", "src/store/tokens.rs", "src/check"] {
        for (name, text) in sources(Path::new(file)) {
            looked += 1;
            for way in
                ["fs::", "File::", "OpenOptions", "process::Command", "env::var", "include_dir"]
            {
                assert!(!text.contains(way), "{name} has {way}");
            }
        }
    }
    assert!(looked > 20, "{looked} files");
}

/// The sources below a place; tests may read vectors.
fn sources(place: &Path) -> Vec<(String, String)> {
    if place.is_file() {
        let text = fs::read_to_string(place).expect("a source file");
        return vec![(place.display().to_string(), text)];
    }
    let entries = fs::read_dir(place).expect("a source folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.file_name().is_some_and(|name| name != "tests" && name != "tests.rs"))
        .flat_map(|path| sources(&path))
        .collect()
}

#[tokio::test]
async fn a23_a_name_that_only_looks_like_the_key_s_is_refused() {
    let ways = Ways::new().await;
    for kid in [
        "KEY-1",
        "Key-1",
        "key-1 ",
        " key-1",
        "key-1\\t",
        "key-1\\n",
        "key-1\\u0000",
        "key-1\\u200b",
        "\\ufeffkey-1",
        "key\\u20111",
        "key\\u22121",
        "\\u212aey-1",
        "\u{43a}ey-1",
        "key-01",
        "key-1,",
        "key-",
    ] {
        refused(&ways, &format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#)).await;
    }
}

#[tokio::test]
async fn a23_two_normal_forms_of_one_name_are_two_names() {
    let ways = Ways::new().await;
    let signer = Signer::new("caf\u{e9}");
    ways.gateway.publish(std::slice::from_ref(&signer), &[]).await;
    let own = signer.clone();
    ways.taken("NFC", move |claims| own.sign(&claims)).await;
    for kid in ["cafe\u{301}", "cafe", "CAF\u{c9}", "caf\u{e8}"] {
        refused(&ways, &format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#)).await;
    }
}

/// A token whose key the provider publishes with these members instead.
async fn refuses_key(what: &str, members: &Value) {
    let ways = Ways::new().await;
    let signer = Signer::new("other");
    let good = ways.gateway.provider.signer();
    ways.gateway.publish(&[good.clone(), signer.clone()], &[]).await;
    let own = signer.clone();
    ways.taken("the key as it is", move |claims| own.sign(&claims)).await;
    ways.gateway.publish(&[good], &[with(signer.jwk(), members)]).await;
    ways.refused(what, move |claims| signer.sign(&claims)).await;
}

#[tokio::test]
async fn a24_a_key_for_encryption_verifies_nothing() {
    for value in [json!("enc"), json!("ENC"), json!("Sig"), json!(""), json!(5), json!(["sig"])] {
        refuses_key(&format!("use {value}"), &json!({"use": value})).await;
    }
    let both = json!({"use": "enc", "key_ops": ["verify"]});
    refuses_key("use enc, key_ops verify", &both).await;
}

#[tokio::test]
async fn a25_a_key_that_may_not_verify_verifies_nothing() {
    for value in [
        json!([]),
        json!(["encrypt"]),
        json!(["sign"]),
        json!(["wrapKey", "deriveKey"]),
        json!(["Verify"]),
        json!("verify"),
        json!({"verify": true}),
        json!([["verify"]]),
    ] {
        refuses_key(&format!("key_ops {value}"), &json!({"key_ops": value})).await;
    }
}
