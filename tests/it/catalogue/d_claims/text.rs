//! The payload as a text: what two parsers could read in two ways.

use super::Kinds;

#[tokio::test]
async fn d40_a_claim_that_is_there_twice_is_refused() {
    let kinds = Kinds::new().await;
    for (name, raw) in [
        ("iss", "\"$\",\"iss\":\"$\""),
        ("iss", "\"https://evil.example\",\"iss\":\"$\""),
        ("iss", "\"$\",\"iss\":\"https://evil.example\""),
        ("iss", "\"$\",\"\\u0069ss\":\"https://evil.example\""),
        ("iss", "\"$\",\"i\\u0073\\u0073\":\"$\""),
        ("aud", "\"$\",\"aud\":\"$\""),
        ("aud", "\"other\",\"aud\":\"$\""),
        ("aud", "\"$\",\"a\\u0075d\":\"other\""),
        // Behind the right one.
        ("x", "1,\"exp\":1"),
        ("x", "1,\"\\u0065xp\":1900000000"),
        ("x", "1,\"iat\":0"),
        ("x", "1,\"i\\u0061t\":1800000000"),
        ("sub", "\"$\",\"sub\":\"$\""),
        ("sub", "\"$\",\"sub\":\"00u2\""),
        ("sub", "\"00u2\",\"\\u0073\\u0075\\u0062\":\"$\""),
        ("sub", "\"$\",\"nbf\":0,\"nbf\":0"),
        ("sub", "\"$\",\"cnf\":null,\"cn\\u0066\":null"),
        ("groups", "[],\"groups\":[\"PetstoreUsers\"]"),
        ("groups", "[\"PetstoreUsers\"],\"\\u0067roups\":[\"PetstoreUsers\"]"),
        ("x", "1,\"x\":1"),
        ("x", "{\"y\":1,\"y\":1}"),
        ("x", "[{\"y\":{\"z\":1,\"\\u007a\":1}}]"),
        ("", "1,\"\":1"),
    ] {
        kinds.refused(name, raw).await;
    }
    // Names are compared byte for byte: these are others.
    kinds.taken("Iss", "\"https://evil.example\"").await;
    kinds.taken("iss ", "\"https://evil.example\"").await;
    kinds.taken("x", "{\"iss\":\"https://evil.example\",\"sub\":\"00u2\"}").await;
}
