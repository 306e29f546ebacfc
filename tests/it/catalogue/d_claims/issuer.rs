//! `iss`: one issuer, byte for byte.

use super::{AUDIENCE, Kinds};
use crate::support::token::with;
use crate::support::{API, Ask};
use serde_json::json;

/// Tokens of either kind that name this issuer instead, signed with the right key.
async fn refused(kinds: &Kinds, change: impl Fn(&str) -> String) {
    let provider = &kinds.ways.gateway.provider;
    let iss = change(&provider.issuer);
    assert_ne!(iss, provider.issuer);
    let (signer, fault) = (provider.signer(), json!({ "iss": iss }));
    kinds.ways.refused(&iss, move |claims| signer.sign(&with(claims, &fault))).await;
    let token = provider.access_token(AUDIENCE, &json!({ "iss": iss }));
    let ask = Ask::get(&format!("{API}/pets")).bearer(&token);
    kinds.ways.gateway.ask(ask).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn d01_a_token_that_names_no_issuer_is_refused() {
    let kinds = Kinds::new().await;
    for raw in ["-", "null", "1", "{}", "true", "\"\"", "{\"iss\":\"$\"}"] {
        kinds.refused("iss", raw).await;
    }
}

#[tokio::test]
async fn d02_a_list_that_holds_our_issuer_is_refused() {
    let kinds = Kinds::new().await;
    for raw in [
        "[\"https://evil.example\",\"$\"]",
        "[\"$\",\"https://evil.example\"]",
        "[\"$\"]",
        "[[\"$\"]]",
    ] {
        kinds.refused("iss", raw).await;
    }
}

#[tokio::test]
async fn d03_an_issuer_that_is_only_equal_once_it_is_normalised_is_refused() {
    let kinds = Kinds::new().await;
    for raw in [
        "\"$/\"",
        "\"$//\"",
        "\"$/.\"",
        "\"$?\"",
        "\"$#\"",
        "\" $\"",
        "\"$ \"",
        "\"$\\n\"",
        "\"$\\u0000\"",
        "\"\\ufeff$\"",
        "\"$\\u200b\"",
        "\"<$>\"",
    ] {
        kinds.refused("iss", raw).await;
    }
}

#[tokio::test]
async fn d03_another_spelling_of_the_same_url_is_another_issuer() {
    let kinds = Kinds::new().await;
    let spellings: [fn(&str) -> String; 10] = [
        |ours| ours.replace("http:", "HTTP:"),
        |ours| ours.replace("http:", "https:"),
        |ours| ours.replace("127.0.0.1", "localhost"),
        |ours| ours.replace("127.0.0.1", "127.0.0.1."),
        |ours| ours.replace("127.0.0.1", "127.1"),
        |ours| ours.replace("127.0.0.1", "user@127.0.0.1"),
        |ours| ours.replace("/oauth2/default", "/oauth2/Default"),
        |ours| ours.replace("/oauth2/default", "/oauth2//default"),
        |ours| ours.replace("/oauth2/default", "/oauth2/x/../default"),
        |ours| ours.replace("/oauth2/default", "/oauth2/%64efault"),
    ];
    for spelling in spellings {
        refused(&kinds, spelling).await;
    }
}

#[tokio::test]
async fn d04_an_issuer_that_begins_or_ends_like_ours_is_another() {
    let kinds = Kinds::new().await;
    let alike: [fn(&str) -> String; 12] = [
        |ours| ours.trim_end_matches('t').to_owned(),
        |ours| ours.trim_start_matches('h').to_owned(),
        |ours| ours.replace("/oauth2/default", ""),
        |ours| ours.replace("/default", ""),
        |ours| ours.replace("/oauth2/default", "/oauth2/other"),
        |ours| ours.replace("/oauth2/default", "/oauth2/default2"),
        |ours| format!("{ours}/oauth2/other"),
        |ours| format!("{ours}.evil.example"),
        |ours| format!("https://evil.example/{ours}"),
        |ours| format!("https://evil.example?iss={ours}"),
        |ours| format!("{ours} https://evil.example"),
        |ours| format!("{ours}{ours}"),
    ];
    for alike in alike {
        refused(&kinds, alike).await;
    }
    kinds.taken("iss", "\"$\"").await;
}
