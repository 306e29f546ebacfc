//! JOSE header: group A. Each way in which a token comes.

use crate::support::Ways;
use serde_json::json;

#[tokio::test]
async fn a00_what_the_group_starts_from_is_taken() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    ways.taken("right", move |claims| signer.sign(&claims)).await;
}

#[tokio::test]
async fn a03_none_in_any_letter_case_is_no_algorithm() {
    let ways = Ways::new().await;
    for alg in ["none", "None", "NONE", "nOnE", "none "] {
        let signer = ways.gateway.provider.signer();
        let header = json!({"alg": alg, "kid": "key-1"});
        ways.refused(alg, move |claims| signer.sign_as(&header, &claims)).await;
    }
}
