//! JOSE header: group A. Each way in which a token comes.

mod algorithm;
mod key_id;
mod log;
mod members;
mod text;

use crate::support::Ways;

/// A header as a provider writes it, or with one thing otherwise, over right claims; its signature
/// is good, so that nothing else is at fault.
async fn refused(ways: &Ways, header: &str) {
    let (signer, text) = (ways.gateway.provider.signer(), header.to_owned());
    ways.refused(header, move |claims| signer.sign_text(&text, &claims.to_string())).await;
}

/// The same that is taken.
async fn taken(ways: &Ways, header: &str) {
    let (signer, text) = (ways.gateway.provider.signer(), header.to_owned());
    ways.taken(header, move |claims| signer.sign_text(&text, &claims.to_string())).await;
}

#[tokio::test]
async fn a00_what_the_group_starts_from_is_taken() {
    let ways = Ways::new().await;
    for header in [
        r#"{"alg":"ES256","kid":"key-1"}"#,
        r#"{"kid":"key-1","typ":"JWT","alg":"ES256"}"#,
        "\n{ \"typ\" : \"jwt\", \"\\u0061lg\" : \"ES\\u003256\",\t\"kid\":\"key-1\"}\r\n",
    ] {
        taken(&ways, header).await;
    }
}
