//! `aud` and `azp`: us, and nobody else.

use super::Kinds;

#[tokio::test]
async fn d07_a_token_that_names_no_audience_is_refused() {
    let kinds = Kinds::new().await;
    for raw in ["-", "null", "7", "{}", "false", "{\"0\":\"$\"}", "{\"$\":true}"] {
        kinds.refused("aud", raw).await;
    }
}

#[tokio::test]
async fn d08_a_token_for_another_audience_is_refused() {
    let kinds = Kinds::new().await;
    for raw in [
        "[]",
        "\"\"",
        "[\"\"]",
        "\"*\"",
        "[\"*\"]",
        "\"other\"",
        "[\"other\"]",
        "\"0oaPet\"",
        "\"api://defaul\"",
        "\"$2\"",
        "\"$/\"",
        "\"x$\"",
        "\" $\"",
        "\"$ \"",
        "\"$\\u0000\"",
        "\"$,other\"",
        "\"$ other\"",
        "\"0OAPETSTORE\"",
        "\"API://DEFAULT\"",
        "\"api:\\/\\/Default\"",
        // Of the other kind: an ID token's for the API, an access token's for the client.
        "\"http://portal.petstore.localhost:10000\"",
    ] {
        kinds.refused("aud", raw).await;
    }
    kinds.refused_id_token("invalid_token", "aud", "\"api://default\"").await;
    kinds.refused_access_token("invalid_token", "aud", "\"0oaPetstore\"").await;
}

#[tokio::test]
async fn d09_a_list_of_our_audience_alone_is_taken() {
    let kinds = Kinds::new().await;
    kinds.taken("aud", "[\"$\"]").await;
}

#[tokio::test]
async fn d10_a_further_audience_is_refused_whatever_the_authorized_party() {
    let kinds = Kinds::new().await;
    for raw in [
        "[\"$\",\"other\"]",
        "[\"other\",\"$\"]",
        "[\"$\",\"\"]",
        "[\"$\",\"*\"]",
        "[\"0oaPetstore\",\"api://default\"]",
        "[\"$\",\"$ \"]",
        "[\"$\",\"other\"],\"azp\":\"0oaPetstore\"",
        "[\"$\",\"other\"],\"azp\":\"other\"",
    ] {
        kinds.refused("aud", raw).await;
    }
}

#[tokio::test]
async fn d11_a_list_of_audiences_with_anything_but_texts_is_refused() {
    let kinds = Kinds::new().await;
    for raw in [
        "[1,\"$\"]",
        "[\"$\",1]",
        "[null,\"$\"]",
        "[[\"$\"]]",
        "[\"$\",{}]",
        "[\"$\",[]]",
        "[true,\"$\"]",
    ] {
        kinds.refused("aud", raw).await;
    }
}

#[tokio::test]
async fn d12_another_authorized_party_is_refused() {
    let kinds = Kinds::new().await;
    for raw in ["\"other\"", "\"\"", "\"0oaPetstore2\"", "\"0oapetstore\"", "\" 0oaPetstore\""] {
        kinds.refused_id_token("invalid_token", "azp", raw).await;
    }
    for raw in ["1", "[]", "[\"0oaPetstore\"]", "null", "{}", "true"] {
        kinds.refused("azp", raw).await;
    }
    kinds.taken("azp", "\"0oaPetstore\"").await;
}
