//! The limit of size. That nothing is decoded before it is a test beside the reader of tokens.

use super::pets;
use crate::support::token::{Signer, with};
use crate::support::{Gateway, Setup, Ways};
use serde_json::{Value, json};

/// A good token of this many bytes.
fn token_of(signer: &Signer, claims: &Value, bytes: usize) -> String {
    let sized =
        |length: usize| signer.sign(&with(claims.clone(), &json!({"z": "z".repeat(length)})));
    let missing = bytes - sized(0).len();
    // Three bytes are four characters; the last few are found by trying.
    let found = (missing * 3 / 4 - 2..=missing).map(sized).find(|token| token.len() >= bytes);
    found.expect("a token that long")
}

#[tokio::test]
async fn b14_a_token_is_taken_up_to_the_limit_and_refused_above_it() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    let own = signer.clone();
    ways.taken("at the limit", move |claims| {
        let token = token_of(&own, &claims, 8191);
        assert!(token.len() <= 8192, "{}", token.len());
        token
    })
    .await;
    for bytes in [8193, 9000, 65_536, 100_000] {
        let own = signer.clone();
        ways.refused(&format!("{bytes} bytes"), move |claims| token_of(&own, &claims, bytes)).await;
    }
}

#[tokio::test]
async fn b14_what_is_long_and_no_token_is_refused_as_well() {
    let gateway = Gateway::new().await;
    for bytes in [8193, 65_536, 200_000] {
        for text in [".", "A", "AAAA.", "%"] {
            let token = text.repeat(bytes / text.len() + 1);
            gateway.ask(pets().bearer(&token)).await.refused(401, "invalid_token");
        }
    }
}

/// A mebibyte is more than a message may hold: Envoy hears an error, and refuses.
#[tokio::test]
async fn b14_a_mebibyte_is_never_read() {
    let gateway = Gateway::new().await;
    let token = "A".repeat(1 << 20);
    let answer = gateway.client.clone().check(pets().bearer(&token).message()).await;
    let error = answer.expect_err("too large");
    assert_eq!(error.code(), tonic::Code::OutOfRange, "{error:?}");
    // The connection goes on.
    let good = gateway.provider.id_token(&json!({}));
    gateway.ask(pets().bearer(&good)).await.granted();
}

#[tokio::test]
async fn b14_the_limit_is_that_of_the_settings() {
    let gateway = Gateway::with(Setup::default().setting("tokens", "{max_bytes: 1024}")).await;
    let signer = gateway.provider.signer();
    let claims = gateway.provider.bearer_claims(&json!({}));
    let ask = |bytes| gateway.ask(pets().bearer(&token_of(&signer, &claims, bytes)));
    ask(1023).await.granted();
    ask(1025).await.refused(401, "invalid_token");
}
